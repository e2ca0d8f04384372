// Delays that can end early, and abort controllers that follow a parent.
import type { Clock } from "./ports";

export function createDelays(clock: Clock) {
  /** Maps the function that ends each delay to whether the network's return ends it too. */
  const pending = new Map<() => void, boolean>();

  /** Resolves after `ms` (null means never), when woken, or when the signal aborts. The caller checks which. */
  function wait(ms: number | null, signal: AbortSignal, endsWithOutage = false): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        cancel?.();
        pending.delete(end);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const cancel = ms === null ? null : clock.after(ms, end);
      pending.set(end, endsWithOutage);
      signal.addEventListener("abort", end);
    });
  }

  /** Ends the delays. If only an outage is over, those that a server asked for continue. */
  function wake(reason: "outage" | null = null): void {
    for (const [end, endsWithOutage] of [...pending]) if (reason === null || endsWithOutage) end();
  }

  return { wait, wake };
}

export type Delays = ReturnType<typeof createDelays>;

/** Return a controller that also aborts with its parent. The parent keeps it until it is aborted. */
export function linkedController(parent: AbortSignal): AbortController {
  const controller = new AbortController();
  const abort = () => controller.abort(parent.reason);
  if (parent.aborted) abort();
  else parent.addEventListener("abort", abort);
  const unlink = () => parent.removeEventListener("abort", abort);
  controller.signal.addEventListener("abort", unlink, { once: true });
  return controller;
}

/** Resolves to null if the work takes longer than `ms` or the signal aborts. Nothing else ends the wait. */
export async function within<T>(
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  ms: number,
  work: Promise<T>,
): Promise<T | null> {
  const ended = linkedController(signal);
  const late = createDelays(clock)
    .wait(ms, ended.signal)
    .then(() => null);
  return Promise.race([work, late]).finally(() => ended.abort());
}
