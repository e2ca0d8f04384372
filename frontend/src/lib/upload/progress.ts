// Measures an upload's speed and progress and reports them to the page.
import type { PartList } from "./rules/part-list";
import { EtaDisplay, SpeedMeter } from "./rules/speed";
import type { RunContext } from "./run-context";
import type { Progress } from "./types";

/** Six parts report many times a second, and the eye needs ten. */
const PUBLISH_EVERY_MS = 100;
/** Shorter silence counts as slowness once bytes move again. Longer silence is an outage and says nothing of the speed. */
const OUTAGE_MS = 10_000;
const GOODPUT_TAU_MS = 20_000;

export function createProgress({ activity, clock, emit, log, waits }: RunContext, parts: PartList) {
  const speed = new SpeedMeter();
  /** Measured while bytes moved, so that a stall does not look like a slow connection. */
  const goodput = new SpeedMeter(GOODPUT_TAU_MS);
  const eta = new EtaDisplay();
  let bytesAtTick = parts.bytesMoved;
  let publishedAt = 0;
  let etaSeconds: number | null = null;

  /** Where something buffers, nothing moves between two answers. */
  const isOutage = () => !parts.isBuffered && activity.silentMs > OUTAGE_MS;
  const rate = () => parts.answerRate ?? speed.bytesPerSecond;

  /** Counts what moved during the last `elapsedMs`. Null counts nothing. */
  function measure(elapsedMs: number | null): void {
    const moved = parts.bytesMoved - bytesAtTick;
    bytesAtTick = parts.bytesMoved;
    if (elapsedMs === null || !activity.isSending) return;
    if (moved > 0) {
      const tookMs = elapsedMs + (isOutage() ? 0 : activity.silentMs);
      speed.add(moved, tookMs);
      goodput.add(moved, tookMs);
      activity.silentMs = 0;
    } else activity.silentMs += elapsedMs;
    // Bodies that were taken at once are not believed. The first seconds tell, or the first answer.
    parts.countsUnanswered = !(parts.isBuffered ?? speed.bytesPerSecond === null);
    const isStill = isOutage() || waits.current() !== null;
    etaSeconds = eta.show(parts.sizeBytes - parts.bytesSent, isStill ? null : rate());
  }

  function publishSoon(): void {
    if (Math.abs(clock.now() - publishedAt) >= PUBLISH_EVERY_MS) publish();
  }

  function publish(): void {
    publishedAt = clock.now();
    log.bytesSent = Math.max(log.bytesSent, parts.bytesSent);
    emit({ type: "progressed", progress: current() });
    waits.publish();
  }

  function current(): Progress {
    const { bytesSent, sizeBytes: bytesTotal } = parts;
    // Only `done` means 100 %.
    const percent = Math.min(99, Math.floor((bytesSent * 100) / bytesTotal));
    const measured = rate();
    const bytesPerSecond = measured === null || isOutage() ? null : Math.round(measured);
    return { bytesSent, bytesTotal, percent, bytesPerSecond, etaSeconds };
  }

  return {
    measure,
    publishSoon,
    publish,
    current,
    rate,
    goodput: () => parts.answerRate ?? goodput.bytesPerSecond,
  };
}
