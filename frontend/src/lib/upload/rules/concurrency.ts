// Decides how many parts are sent at once.

/**
 * A part should take no longer than this. Parts share the link, so fewer parts are faster each, and a connection that
 * lives for a minute or two can complete one (docs/decisions/0011).
 */
const MAX_PART_SECONDS = 300;
/** Refusals within this time count as one, because all parts in flight meet the same busy store. */
const ONE_BURST_MS = 5000;

export class Concurrency {
  #steady: number;
  #affordable: number;
  /** How many parts were in flight when a part was last sent in time. */
  #proven = 1;
  #sentSince = 0;
  #reducedAt = -Infinity;

  constructor(readonly max: number) {
    this.#steady = max;
    this.#affordable = max;
  }

  get limit(): number {
    return Math.max(
      1,
      Math.min(this.max, Math.floor(this.#steady), Math.max(this.#affordable, this.#proven)),
    );
  }

  /** Halve the limit after a 503, a 429 or a stall. */
  reduce(now: number): void {
    this.#sentSince = 0;
    if (now - this.#reducedAt < ONE_BURST_MS) return;
    this.#reducedAt = now;
    this.#steady = Math.max(1, Math.floor(this.limit / 2));
  }

  /**
   * Allow one more part after each full round. If a part was sent in time, the present number is affordable whatever
   * `project` says, because one slow connection of many looks like a slow link.
   */
  partSent(tookMs: number): void {
    const isRound = ++this.#sentSince >= this.limit;
    this.#proven = tookMs > MAX_PART_SECONDS * 1000 ? 1 : this.limit + (isRound ? 1 : 0);
    if (!isRound) return;
    this.#sentSince = 0;
    this.#steady = Math.min(this.max, this.#steady + 1);
  }

  /** Estimate how many parts the link affords. If n parts share it, each takes n times as long. */
  project(partSizeBytes: number, bytesPerSecond: number | null): void {
    if (bytesPerSecond === null) return;
    this.#affordable = Math.max(1, Math.floor((MAX_PART_SECONDS * bytesPerSecond) / partSizeBytes));
  }
}
