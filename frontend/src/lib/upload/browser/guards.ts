// Keeps the page and the machine from ending an upload unasked: leave warning, wake lock, and the last word.
import type { Guards } from "../ports";

export const browserGuards: Guards = {
  hold() {
    let lock: WakeLockSentinel | null = null;
    let isHeld = true;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    const stayAwake = async () => {
      // A hidden page loses its lock and may not ask; plain http has none at all.
      if (document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
      try {
        const granted = await navigator.wakeLock.request("screen");
        if (isHeld) lock = granted;
        else void granted.release();
      } catch {
        // Refused (low battery): the upload goes on without.
      }
    };
    window.addEventListener("beforeunload", warn);
    document.addEventListener("visibilitychange", stayAwake);
    void stayAwake();
    return () => {
      isHeld = false;
      window.removeEventListener("beforeunload", warn);
      document.removeEventListener("visibilitychange", stayAwake);
      lock?.release().catch(() => undefined);
      lock = null;
    };
  },

  onPageGone(listener) {
    // `persisted`: the page is kept in the back/forward cache and may come back with its upload.
    const onHide = (event: PageTransitionEvent) => {
      if (!event.persisted) listener();
    };
    window.addEventListener("pagehide", onHide);
    return () => window.removeEventListener("pagehide", onHide);
  },
};
