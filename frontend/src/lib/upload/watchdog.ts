// Stops attempts that stand still.
import type { Attempt } from "./part-attempt";
import type { Clock } from "./ports";

/** Without progress for this long, plus the time to drain a socket's buffer, a part stands still (measured). */
const STALL_MS = 30_000;
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
/** Until the speed is measured: 1 Mbit/s. */
const SLOW_BYTES_PER_SECOND = 125_000;
const MAX_DRAIN_MS = 120_000;
/** For the answer, once the whole body is sent. */
const ANSWER_MS = 60_000;
/** After an outage an old connection gets as long as sending its bytes again would take, within these limits. */
const SHORT_LIMIT_MIN_MS = 5000;
const SHORT_LIMIT_MAX_MS = 30_000;

export class Watchdog {
  readonly #clock: Clock;
  readonly #attempts: ReadonlySet<Attempt>;
  readonly #goodput: () => number | null;

  /** `goodput`: bytes per second of all parts together. */
  constructor(clock: Clock, attempts: ReadonlySet<Attempt>, goodput: () => number | null) {
    this.#clock = clock;
    this.#attempts = attempts;
    this.#goodput = goodput;
  }

  check(): void {
    const now = this.#clock.now();
    for (const attempt of this.#attempts)
      if (now - attempt.lastEventAt >= this.#limitMs(attempt)) stopAttempt(attempt, "stalled");
  }

  /**
   * The network is back, or the machine has slept. Old connections may be dead without notice. If the clock was set,
   * no earlier time is comparable.
   */
  shortenLimits(isClockSet: boolean): void {
    const now = this.#clock.now();
    for (const attempt of this.#attempts) {
      // A network that comes and goes must not keep a dead connection, so a short limit is not restarted.
      if (!isClockSet && (attempt.lastEventAt === now || attempt.shortLimitMs !== null)) continue;
      const resendMs = (attempt.part.loaded / this.#speed) * 1000;
      attempt.lastEventAt = now;
      attempt.shortLimitMs = Math.min(SHORT_LIMIT_MAX_MS, Math.max(SHORT_LIMIT_MIN_MS, resendMs));
    }
  }

  #limitMs({ isBodySent, shortLimitMs }: Attempt): number {
    const drainMs = Math.min(MAX_DRAIN_MS, (SOCKET_BUFFER_BYTES / this.#speed) * 1000);
    // The last bytes of a sent body may still be in the socket's buffer.
    if (isBodySent) return (shortLimitMs ?? ANSWER_MS) + drainMs;
    return shortLimitMs ?? STALL_MS + drainMs;
  }

  /** Bytes per second of one part. */
  get #speed(): number {
    const goodput = this.#goodput();
    return goodput === null ? SLOW_BYTES_PER_SECOND : Math.max(1, goodput / Math.max(1, this.#attempts.size));
  }
}

export function stopAttempt(attempt: Attempt, reason: "stalled" | "preempted"): void {
  attempt.stopReason ??= reason;
  attempt.controller.abort();
}
