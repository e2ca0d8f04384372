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

export class ProgressReporter {
  readonly #context: RunContext;
  readonly #parts: PartList;
  readonly #speed = new SpeedMeter();
  readonly #goodput = new SpeedMeter(GOODPUT_TAU_MS);
  readonly #eta = new EtaDisplay();
  #bytesAtTick: number;
  #publishedAt = 0;
  #shownEta: number | null = null;

  constructor(context: RunContext, parts: PartList) {
    this.#context = context;
    this.#parts = parts;
    this.#bytesAtTick = parts.bytesMoved;
  }

  /** Counts what moved during the last `elapsedMs`. Null counts nothing. */
  measure(elapsedMs: number | null): void {
    const { activity, waits } = this.#context;
    const { bytesMoved, bytesSent, sizeBytes } = this.#parts;
    const moved = bytesMoved - this.#bytesAtTick;
    this.#bytesAtTick = bytesMoved;
    if (elapsedMs === null || !activity.isSending) return;
    if (moved > 0) {
      const tookMs = elapsedMs + (this.#isOutage ? 0 : activity.silentMs);
      this.#speed.add(moved, tookMs);
      this.#goodput.add(moved, tookMs);
      activity.silentMs = 0;
    } else activity.silentMs += elapsedMs;
    const isStill = this.#isOutage || waits.current() !== null;
    this.#shownEta = this.#eta.show(sizeBytes - bytesSent, isStill ? null : this.#speed.bytesPerSecond);
  }

  publishSoon(): void {
    if (Math.abs(this.#context.clock.now() - this.#publishedAt) >= PUBLISH_EVERY_MS) this.publish();
  }

  publish(): void {
    const { clock, emit, log, waits } = this.#context;
    this.#publishedAt = clock.now();
    log.bytesSent = Math.max(log.bytesSent, this.#parts.bytesSent);
    emit({ type: "progressed", progress: this.current });
    waits.publish();
  }

  get current(): Progress {
    const { bytesSent, sizeBytes } = this.#parts;
    const { bytesPerSecond } = this.#speed;
    return {
      bytesSent,
      bytesTotal: sizeBytes,
      percent: Math.floor((bytesSent * 100) / sizeBytes),
      bytesPerSecond: bytesPerSecond === null || this.#isOutage ? null : Math.round(bytesPerSecond),
      etaSeconds: this.#shownEta,
    };
  }

  get bytesPerSecond(): number | null {
    return this.#speed.bytesPerSecond;
  }

  /** Measured while bytes moved, so that a stall does not look like a slow connection. */
  get goodput(): number | null {
    return this.#goodput.bytesPerSecond;
  }

  get #isOutage(): boolean {
    return this.#context.activity.silentMs > OUTAGE_MS;
  }
}
