// How many parts go at once: as many as help, fewer when the store is pressed or the line is thin.

/** A part should take no longer than this, well inside the 15 minutes of its URL, even at 1 Mbit/s. */
const LONGEST_PART_SECONDS = 300;
/** Six answers of one burst of 503 are one piece of news. */
const ONE_BURST_MS = 5000;

export class Concurrency {
  #steady: number;
  #affordable: number;
  /** So many at once have shown that a part still fits. */
  #proven = 1;
  #finishedSince = 0;
  #troubledAt = Number.NEGATIVE_INFINITY;

  constructor(readonly cap: number) {
    this.#steady = cap;
    this.#affordable = cap;
  }

  get limit(): number {
    return Math.max(
      1,
      Math.min(this.cap, Math.floor(this.#steady), Math.max(this.#affordable, this.#proven)),
    );
  }

  /** The store said 503 or 429, or a part stood still. */
  trouble(now: number): void {
    this.#finishedSince = 0;
    if (now - this.#troubledAt < ONE_BURST_MS) return;
    this.#troubledAt = now;
    this.#steady = Math.max(1, Math.floor(this.limit / 2));
  }

  /**
   * One more after each round of parts that went through. A part that fitted while so many were sent proves them, and
   * a round of such that one more may be tried: the projection alone takes one slow connection of many for one slow
   * line, and would never let them come back. A part that did not fit leaves the projection to decide.
   */
  finished(tookMs: number): void {
    const isRound = ++this.#finishedSince >= this.limit;
    this.#proven = tookMs > LONGEST_PART_SECONDS * 1000 ? 1 : this.limit + (isRound ? 1 : 0);
    if (!isRound) return;
    this.#finishedSince = 0;
    this.#steady = Math.min(this.cap, this.#steady + 1);
  }

  /** If n lanes share one line of this goodput, a part takes n times its own time. */
  project(partSizeBytes: number, bytesPerSecond: number): void {
    this.#affordable = Math.max(1, Math.floor((LONGEST_PART_SECONDS * bytesPerSecond) / partSizeBytes));
  }
}
