// Asks before the page is left, keeps the screen awake, and reports that the page goes away.
import type { Guards } from "../ports";

export const browserGuards: Guards = {
  hold() {
    let lock: WakeLockSentinel | null = null;
    let isHeld = true;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    const stayAwake = async () => {
      // A hidden page loses its lock and gets no other. On plain http there is none.
      if (document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
      try {
        const granted = await navigator.wakeLock.request("screen");
        if (isHeld) lock = granted;
        else void granted.release();
      } catch {
        // Refused, for example because of a low battery. The upload continues.
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
    // A page in the back/forward cache (`persisted`) may come back with its upload.
    const onHide = (event: PageTransitionEvent) => {
      if (!event.persisted) listener();
    };
    window.addEventListener("pagehide", onHide);
    return () => window.removeEventListener("pagehide", onHide);
  },
};
