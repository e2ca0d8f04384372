// Decides how many parts may be in flight before the first answer.
import type { Clock } from "./ports";
import type { Attempt } from "./run-context";

/** If no sent part is answered for so long, one more is sent, because the connections may be dead. */
const SILENT_MS = 30_000;
/** What takes bodies at once takes more of one in a second. */
const TAKEN_AT_ONCE_BYTES = 3 * 1024 * 1024;

/**
 * What buffers bodies would take all parts at once. So one more part is sent every two seconds, or all at once if bodies
 * are taken slowly.
 */
export class Trial {
  readonly #clock: Clock;
  #parts = 1;
  #hasTried = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get limit(): number {
    return Math.floor(this.#parts);
  }

  /** Call it once a second. */
  observe(current: readonly Attempt[]): void {
    if (current.length > 0 && current.every((attempt) => this.#isTakenSlowly(attempt)))
      this.#parts = Infinity;
    else if (!current.some(({ isBodySent }) => isBodySent)) this.#parts += 0.5;
    else if (!this.#hasTried && current.every((attempt) => this.#isSilent(attempt))) {
      this.#hasTried = true;
      this.#parts = current.length + 1;
    }
  }

  #isTakenSlowly({ isBodySent, part, startedAt }: Attempt): boolean {
    return !isBodySent && part.loaded < TAKEN_AT_ONCE_BYTES && this.#clock.now() - startedAt >= 1000;
  }

  #isSilent({ isBodySent, lastEventAt }: Attempt): boolean {
    return isBodySent && this.#clock.now() - lastEventAt >= SILENT_MS;
  }
}
