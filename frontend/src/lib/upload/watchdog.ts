// Stops attempts that stand still.
import type { Clock } from "./ports";
import type { PartList } from "./rules/part-list";
import type { Attempt } from "./run-context";

/** Without progress for this long, plus the time to drain a socket's buffer, a part stands still (measured). */
const STALL_MS = 30_000;
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
/** 1 Mbit/s, until the speed is measured. */
const SLOW_BYTES_PER_SECOND = 125_000;
const MAX_DRAIN_MS = 120_000;
const MAX_DOUBLINGS = 4;
const MAX_ANSWER_DOUBLINGS = 3;
/** For the answer, once the whole body is sent. */
const ANSWER_MS = 60_000;
/** After an outage an old connection gets as long as sending its bytes again would take, within these limits. */
const SHORT_LIMIT_MIN_MS = 5000;
const SHORT_LIMIT_MAX_MS = 30_000;

/** `goodput` returns the bytes per second of all parts together. */
export function createWatchdog(
  clock: Clock,
  attempts: ReadonlySet<Attempt>,
  parts: PartList,
  goodput: () => number | null,
) {
  /** How long one part takes to send so many bytes. */
  function sendMs(bytes: number): number {
    const total = goodput();
    const speed = total === null ? SLOW_BYTES_PER_SECOND : Math.max(1, total / Math.max(1, attempts.size));
    return (bytes / speed) * 1000;
  }

  function limitMs(attempt: Attempt): number {
    const { isBodySent, part } = attempt;
    // A hidden tab in which nothing moves looks like a machine that slept. A part that stood still before may be slow.
    const shortLimitMs = part.stalls > 0 ? null : attempt.shortLimitMs;
    attempt.together = Math.max(attempt.together, attempts.size);
    const drainMs = Math.min(MAX_DRAIN_MS, sendMs(SOCKET_BUFFER_BYTES));
    if (isBodySent) {
      // The last bytes of a sent body may still be in the socket's buffer, or all bodies in one that sends them on
      // slowly. Before the first answer nobody knows. After sleep or an outage the connection is the likelier reason.
      const isBuffered = parts.isBuffered ?? shortLimitMs === null;
      const waitMs = (shortLimitMs ?? ANSWER_MS) + (isBuffered ? bufferMs(attempt.together) : drainMs);
      // Bodies may be sent on more slowly than before. Before the first answer, the limit allows for that.
      return (
        waitMs *
        (parts.isBuffered === null
          ? 1
          : 2 ** Math.min(parts.isBuffered ? MAX_ANSWER_DOUBLINGS : 1, part.stalls))
      );
    }
    // A browser may report progress only at the end (Safari), so each attempt gets twice as long as the one before.
    return (
      shortLimitMs ??
      (STALL_MS + drainMs) * (parts.hasPartialProgress ? 1 : 2 ** Math.min(MAX_DOUBLINGS, part.failures))
    );
  }

  /** Twice as long as sending so many bodies on takes. */
  function bufferMs(bodies: number): number {
    const bytes = Math.min(bodies * parts.partSizeBytes, parts.sizeBytes);
    return (2000 * bytes) / (parts.answerRate ?? SLOW_BYTES_PER_SECOND);
  }

  function check(): void {
    const now = clock.now();
    for (const attempt of attempts)
      if (now - attempt.lastEventAt >= limitMs(attempt)) attempt.controller.abort("stalled");
  }

  /**
   * The network is back, or the machine has slept. Old connections may be dead without notice. If the clock was set,
   * no earlier time is comparable.
   */
  function shortenLimits(isClockSet: boolean): void {
    const now = clock.now();
    for (const attempt of attempts) {
      // A network that comes and goes must not keep a dead connection, so a short limit is not restarted.
      if (!isClockSet && (attempt.lastEventAt === now || attempt.shortLimitMs !== null)) continue;
      const resendMs = sendMs(attempt.part.loaded);
      attempt.lastEventAt = now;
      attempt.shortLimitMs = Math.min(SHORT_LIMIT_MAX_MS, Math.max(SHORT_LIMIT_MIN_MS, resendMs));
    }
  }

  return { check, shortenLimits };
}
