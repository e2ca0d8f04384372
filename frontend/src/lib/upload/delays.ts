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

/** A timer later than this waited for a frozen page, a machine that slept, or a hidden tab. */
const LATE_MS = 1000;
/** Each step has a timer of its own, so that a freeze between its start and its end shows. */
const STEPS = 4;
/** In a hidden tab each timer may be late, and what hangs must not hold the upload there. */
const MAX_LATE = 4;

/**
 * Calls back after `ms`, unless the returned function is called first. After a freeze a page may hear its due timers
 * before its worker and its disk. So a step whose timer is late starts again.
 */
export function deadline(clock: Clock, ms: number, callback: () => void): () => void {
  let left = STEPS;
  let late = 0;
  let cancel: () => void;
  const step = () => {
    const dueAt = clock.now() + ms / STEPS;
    cancel = clock.after(ms / STEPS, () => {
      if (clock.now() - dueAt >= LATE_MS && late < MAX_LATE) late += 1;
      else left -= 1;
      if (left > 0) step();
      else callback();
    });
  };
  step();
  return () => cancel();
}

/** Return a linked controller that also aborts at a deadline after `ms`. Abort it when the work has ended. */
export function limitedController(clock: Clock, parent: AbortSignal, ms: number): AbortController {
  const controller = linkedController(parent);
  const cancel = deadline(clock, ms, () => controller.abort());
  if (controller.signal.aborted) cancel();
  else controller.signal.addEventListener("abort", cancel, { once: true });
  return controller;
}

/** Resolves to null if the work takes longer than `ms` or the signal aborts. Nothing else ends the wait. */
export async function within<T>(
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  ms: number,
  work: Promise<T>,
): Promise<T | null> {
  const ended = limitedController(clock, signal, ms);
  const late = createDelays(clock)
    .wait(null, ended.signal)
    .then(() => null);
  return Promise.race([work, late]).finally(() => ended.abort());
}
