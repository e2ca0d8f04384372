// Asks before the page is left, keeps the screen awake, and reports that the page goes away.
import type { Guards } from "../ports";

export const browserGuards: Guards = {
  hold() {
    const released = new AbortController();
    const { signal } = released;
    let lock: WakeLockSentinel | null = null;
    const stayAwake = async () => {
      // A hidden page loses its lock and gets no other. On plain http there is none.
      if (document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
      try {
        lock = await navigator.wakeLock.request("screen");
        if (signal.aborted) void lock.release();
      } catch {
        // Refused, for example because of a low battery. The upload continues.
      }
    };
    const ask = (event: BeforeUnloadEvent) => {
      event.preventDefault();
      // Deprecated, but Chrome and Edge before 119 ask for nothing else (mdn/browser-compat-data).
      event.returnValue = true;
    };
    window.addEventListener("beforeunload", ask, { signal });
    document.addEventListener("visibilitychange", stayAwake, { signal });
    void stayAwake();
    return () => {
      released.abort();
      lock?.release().catch(() => undefined);
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
