// Calculates a smoothed speed and a time left that does not flicker.

/** Between 5 s (lively) and 10 s (calm). Over windows of 1 s the speed of six parts varies by 37 %. */
const TAU_MS = 7000;
/** The first bytes only fill the sockets' buffers (2 to 6 MB) and would read as a burst of speed. */
const SETTLE_MS = 1000;
const KNOWN_AFTER_MS = 3000;
const SLOWEST_SHOWN = 256;
const LONGEST_SHOWN_SECONDS = 86_400;

/** An exponentially weighted mean of the rate, corrected for its empty start (as Adam does). */
export class SpeedMeter {
  readonly #tauMs: number;
  #sum = 0;
  #weight = 0;
  #watchedMs = 0;

  constructor(tauMs = TAU_MS) {
    this.#tauMs = tauMs;
  }

  /** `bytes` given to the network during the last `elapsedMs`. */
  add(bytes: number, elapsedMs: number): void {
    if (elapsedMs <= 0) return;
    this.#watchedMs += elapsedMs;
    if (this.#watchedMs <= SETTLE_MS) return;
    const kept = Math.exp(-elapsedMs / this.#tauMs);
    this.#sum = this.#sum * kept + (bytes / elapsedMs) * 1000 * (1 - kept);
    this.#weight = this.#weight * kept + (1 - kept);
  }

  get bytesPerSecond(): number | null {
    if (this.#watchedMs < KNOWN_AFTER_MS || this.#weight === 0) return null;
    return this.#sum / this.#weight;
  }
}

/** The time left for people, in steps that grow with it. It changes only if the estimate moves away from it. */
export class EtaDisplay {
  #shown: number | null = null;

  show(bytesLeft: number, bytesPerSecond: number | null): number | null {
    const speed = bytesPerSecond ?? 0;
    const seconds = bytesLeft / speed;
    if (speed < SLOWEST_SHOWN || seconds > LONGEST_SHOWN_SECONDS) this.#shown = null;
    else if (this.#shown === null || Math.abs(seconds - this.#shown) > 0.75 * etaStep(seconds))
      this.#shown = roundEta(seconds);
    return this.#shown;
  }
}

export function roundEta(seconds: number): number {
  const step = etaStep(seconds);
  return Math.max(1, Math.round(seconds / step) * step);
}

function etaStep(seconds: number): number {
  if (seconds <= 30) return 1;
  if (seconds <= 120) return 5;
  if (seconds <= 600) return 15;
  return seconds <= 3600 ? 60 : 300;
}
