// Time as a port, and the two ways the engine waits: for a while, or until something rings.

export interface Clock {
  /** Wall time in milliseconds. It may jump; the engine watches for that. */
  now(): number;
  /** Calls back once; the returned function takes it back. */
  after(ms: number, callback: () => void): () => void;
}

export const browserClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** Lets many wait at once; `ring` wakes all of them early (back online, signed in, awake again). */
export class Bell {
  /** Each with whether it waits for the line alone. */
  private readonly sleepers = new Map<() => void, boolean>();

  constructor(private readonly clock: Clock) {}

  /** Resolves after `ms` (null: never by time), at a ring, or when the signal aborts; the caller looks which. */
  wait(ms: number | null, signal: AbortSignal, isForLine = false): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        cancel?.();
        this.sleepers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const cancel = ms === null ? null : this.clock.after(ms, wake);
      this.sleepers.set(wake, isForLine);
      signal.addEventListener("abort", wake);
    });
  }

  ring(): void {
    for (const wake of [...this.sleepers.keys()]) wake();
  }

  /** The line is back: wakes whom a broken line put to sleep, and nobody whom a server asked to wait. */
  ringForLine(): void {
    for (const [wake, isForLine] of [...this.sleepers]) if (isForLine) wake();
  }
}

/** A controller that also aborts with its parent; `unlink` removes the listener again. */
export function linkedController(parent: AbortSignal): { controller: AbortController; unlink: () => void } {
  const controller = new AbortController();
  const abort = () => controller.abort(parent.reason);
  if (parent.aborted) abort();
  else parent.addEventListener("abort", abort);
  return { controller, unlink: () => parent.removeEventListener("abort", abort) };
}
