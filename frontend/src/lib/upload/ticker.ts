// Ticks once a second, and detects that the machine slept or its clock was set.
import type { Clock } from "./ports";

const TICK_MS = 1000;
/** A hidden tab's timers may be a minute late, but its requests report progress more often than this. */
const LATE_MS = 10_000;
/** A hidden tab in which nothing moves is no later than this. */
const JUMP_MS = 75_000;

export interface TickListeners {
  /** `elapsedMs` is null if the page slept during a part of that time. */
  readonly onTick: (elapsedMs: number | null) => void;
  /** A short sleep, or a hidden tab in which nothing moved. Old connections may be dead. */
  readonly onSleep: () => void;
  /** A long sleep, or the clock was set. The age of URLs is unknown too. */
  readonly onJump: () => void;
}

export function createTicker(clock: Clock) {
  let seenAt = clock.now();
  let tickedAt = seenAt;
  let awakeMs = 0;
  let hasSlept = false;
  let listeners: TickListeners | null = null;

  /** Call it at every sign of life, also between two ticks. */
  function observe(): void {
    const gap = clock.now() - seenAt;
    seenAt += gap;
    // A browser's clock may run backwards by milliseconds.
    const isJump = gap < -TICK_MS || gap > JUMP_MS;
    if (!isJump) awakeMs += gap;
    if (!isJump && gap <= LATE_MS) return;
    hasSlept = true;
    if (isJump) listeners?.onJump();
    else listeners?.onSleep();
  }

  function tick(): void {
    observe();
    const elapsed = seenAt - tickedAt;
    tickedAt = seenAt;
    listeners?.onTick(hasSlept ? null : elapsed);
    hasSlept = false;
  }

  /** Returns the function that stops. */
  function start(given: TickListeners): () => void {
    listeners = given;
    let cancel: () => void = () => undefined;
    const schedule = () => {
      cancel = clock.after(TICK_MS, () => {
        schedule();
        tick();
      });
    };
    schedule();
    return () => cancel();
  }

  /** `awakeMs` is the time during which the page ran. */
  return { start, observe, awakeMs: () => awakeMs };
}
