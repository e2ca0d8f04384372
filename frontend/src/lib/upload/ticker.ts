// The engine's sense of time: a beat a second, and a notion of when the machine slept or its clock was set.
import type { Clock } from "./ports";

const BEAT_MS = 1000;
/** A page that runs hears something more often: a hidden tab's timers may be a minute late, its requests are not. */
const LATE_MS = 10_000;
/** A hidden tab in which nothing moves is no later than this. */
const JUMP_MS = 75_000;

export interface Beats {
  /** Null when it is not known how much of the time since the last beat was seen. */
  readonly onBeat: (elapsedMs: number | null) => void;
  /** A nap, or a hidden tab in which nothing moved: old connections may be dead. */
  readonly onNap: () => void;
  /** Long sleep or a new time on the clock: no URL's age can be trusted either. */
  readonly onJump: () => void;
}

export function createTicker(clock: Clock, { onBeat, onNap, onJump }: Beats) {
  let heardAt = clock.now();
  let beatAt = heardAt;
  let awakeMs = 0;
  let hasSlept = false;

  /** At every sign of life, also between two beats. */
  function heard(): void {
    const gap = clock.now() - heardAt;
    heardAt += gap;
    // By milliseconds a browser's clock runs backwards now and then.
    const isJump = gap < -BEAT_MS || gap > JUMP_MS;
    if (!isJump) awakeMs += gap;
    if (!isJump && gap <= LATE_MS) return;
    hasSlept = true;
    if (isJump) onJump();
    else onNap();
  }

  function beat(): void {
    heard();
    const elapsed = heardAt - beatAt;
    beatAt = heardAt;
    onBeat(hasSlept ? null : elapsed);
    hasSlept = false;
  }

  /** Until the returned function is called. */
  function start(): () => void {
    let cancel: () => void = () => undefined;
    const schedule = () => {
      cancel = clock.after(BEAT_MS, () => {
        schedule();
        beat();
      });
    };
    schedule();
    return () => cancel();
  }

  return {
    start,
    heard,
    /** For limits: time that passed while the page ran. */
    awakeMs: () => awakeMs,
  };
}
