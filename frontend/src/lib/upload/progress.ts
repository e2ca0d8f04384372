// What is seen of an upload from outside: how far it is, how fast, how long it will take, and why it does not move.
import type { RunContext } from "./api-caller";
import type { PartPool } from "./part-pool";
import type { PartList } from "./rules/part-list";
import { EtaDisplay, SpeedMeter } from "./rules/speed";
import type { UploadEvent } from "./rules/upload-state";
import type { Progress, Waiting } from "./types";

/** Six parts report many times a second; the eye needs ten. */
const PUBLISH_EVERY_MS = 100;
/** Silence up to here counts as slowness once bytes move again; longer is an outage, and tells nothing of the line. */
const SLOWNESS_MS = 10_000;
const GOODPUT_TAU_MS = 20_000;

export interface MeterContext extends Pick<RunContext, "board" | "clock" | "connection" | "log" | "signal"> {
  /** Null before there is an upload. */
  readonly partList: () => PartList | null;
  /** Null while no parts are sent. */
  readonly pool: () => PartPool | null;
  readonly emit: (event: UploadEvent) => void;
}

export function createProgress(context: MeterContext) {
  const { board, clock, connection, emit, partList, log, pool, signal } = context;
  const speed = new SpeedMeter();
  const goodput = new SpeedMeter(GOODPUT_TAU_MS);
  const eta = new EtaDisplay();
  let bytesAtBeat = 0;
  let silentMs = 0;
  let publishedAt = 0;
  let shownEta: number | null = null;

  /** Counts what moved during the last `elapsedMs`. */
  function measure(elapsedMs: number): void {
    const counted = partList();
    if (counted === null || pool() === null) return;
    const moved = counted.bytesMoved - bytesAtBeat;
    bytesAtBeat = counted.bytesMoved;
    if (moved > 0) {
      const tookMs = elapsedMs + (isStill() ? 0 : silentMs);
      speed.add(moved, tookMs);
      goodput.add(moved, tookMs);
      silentMs = 0;
    } else silentMs += elapsedMs;
    const left = counted.sizeBytes - counted.bytesSent;
    shownEta = eta.show(left, isStill() || waiting() !== null ? null : speed.bytesPerSecond);
  }

  /** For so long that neither the speed of before nor a time left is true. */
  function isStill(): boolean {
    return silentMs > SLOWNESS_MS;
  }

  /** What moved until now tells nothing: nobody knows how long it took. */
  function skip(): void {
    bytesAtBeat = partList()?.bytesMoved ?? 0;
  }

  function publishSoon(): void {
    if (Math.abs(clock.now() - publishedAt) >= PUBLISH_EVERY_MS) publish();
  }

  function publish(): void {
    publishedAt = clock.now();
    const counted = partList();
    if (counted !== null) {
      log.bytesSent = Math.max(log.bytesSent, counted.bytesSent);
      emit({ type: "progressed", progress: progress(counted) });
    }
    publishWaiting();
  }

  function publishWaiting(): void {
    if (signal.aborted) return;
    emit({ type: "waited", waiting: waiting() });
  }

  function waiting(): Waiting | null {
    // What was in flight when the network went is kept, but a person should read why it does not move.
    if (connection.isOffline() && (silentMs > 0 || pool() === null)) return { reason: "offline" };
    return board.waiting(pool()?.isMoving() ?? false);
  }

  function progress({ bytesSent, sizeBytes }: PartList): Progress {
    const { bytesPerSecond } = speed;
    return {
      bytesSent,
      bytesTotal: sizeBytes,
      percent: Math.floor((bytesSent * 100) / sizeBytes),
      bytesPerSecond: bytesPerSecond === null || isStill() ? null : Math.round(bytesPerSecond),
      etaSeconds: shownEta,
    };
  }

  return {
    measure,
    skip,
    publish,
    publishSoon,
    publishWaiting,
    progress,
    get bytesPerSecond() {
      return speed.bytesPerSecond;
    },
    /** Measured while bytes moved: a stall must not make itself look like a slow line. */
    get goodput() {
      return goodput.bytesPerSecond;
    },
  };
}

export type ProgressMeter = ReturnType<typeof createProgress>;
