// Delays that can end early, and abort controllers that follow a parent.
import type { Clock } from "./ports";

export function createDelays(clock: Clock) {
  /** Maps the function that ends each delay to whether the network's return ends it too. */
  const pending = new Map<() => void, boolean>();

  /** Resolves after `ms` (null: never by time), when woken, or when the signal aborts. The caller checks which. */
  function wait(ms: number | null, signal: AbortSignal, endsWithOutage = false): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        cancel?.();
        pending.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const cancel = ms === null ? null : clock.after(ms, wake);
      pending.set(wake, endsWithOutage);
      signal.addEventListener("abort", wake);
    });
  }

  function wakeAll(): void {
    for (const wake of [...pending.keys()]) wake();
  }

  /** The network is back. Delays that a server asked for continue. */
  function wakeAfterOutage(): void {
    for (const [wake, endsWithOutage] of [...pending]) if (endsWithOutage) wake();
  }

  return { wait, wakeAll, wakeAfterOutage };
}

export type Delays = ReturnType<typeof createDelays>;

/** Return a controller that also aborts with its parent, and a function that removes the listener. */
export function linkedController(parent: AbortSignal): { controller: AbortController; unlink: () => void } {
  const controller = new AbortController();
  const abort = () => controller.abort(parent.reason);
  if (parent.aborted) abort();
  else parent.addEventListener("abort", abort);
  return { controller, unlink: () => parent.removeEventListener("abort", abort) };
}
