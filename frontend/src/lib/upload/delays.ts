// Waits that end early, and abort controllers that follow a parent.
import type { Clock } from "./ports";

/** Lets many wait at once; `ring` wakes all of them early (signed in, awake again). */
export function createBell(clock: Clock) {
  /** Each with whether it waits for the line alone. */
  const sleepers = new Map<() => void, boolean>();

  /** Resolves after `ms` (null: never by time), at a ring, or when the signal aborts; the caller looks which. */
  function wait(ms: number | null, signal: AbortSignal, isForLine = false): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        cancel?.();
        sleepers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const cancel = ms === null ? null : clock.after(ms, wake);
      sleepers.set(wake, isForLine);
      signal.addEventListener("abort", wake);
    });
  }

  function ring(): void {
    for (const wake of [...sleepers.keys()]) wake();
  }

  /** The line is back: wakes whom a broken line put to sleep, and nobody whom a server asked to wait. */
  function ringForLine(): void {
    for (const [wake, isForLine] of [...sleepers]) if (isForLine) wake();
  }

  return { wait, ring, ringForLine };
}

export type Bell = ReturnType<typeof createBell>;

/** A controller that also aborts with its parent; `unlink` removes the listener again. */
export function linkedController(parent: AbortSignal): { controller: AbortController; unlink: () => void } {
  const controller = new AbortController();
  const abort = () => controller.abort(parent.reason);
  if (parent.aborted) abort();
  else parent.addEventListener("abort", abort);
  return { controller, unlink: () => parent.removeEventListener("abort", abort) };
}
