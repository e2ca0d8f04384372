// Sends the queued parts, as many at once as the concurrency limit allows.
import { type SenderContext, sendPart } from "./part-sender";
import type { Part } from "./rules/part-list";
import { stopAttempt } from "./watchdog";

/** A part sent this far is finished even if fewer parts may be in flight now. */
const WORTH_FINISHING = 0.25;

export interface PoolContext extends SenderContext {
  readonly queue: Part[];
}

export class PartPool {
  readonly #context: PoolContext;
  #workers = 0;
  /** Null before the start and after the end. */
  #outcome: { resolve: () => void; reject: (reason: unknown) => void } | null = null;

  constructor(context: PoolContext) {
    this.#context = context;
  }

  /** Resolves when the store has every part. Rejects with the first final reason. */
  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#outcome = { resolve, reject };
      this.#fill();
    });
  }

  /** Follows the limit, which may have changed. */
  adjust(): void {
    const { attempts, concurrency } = this.#context;
    const excess = attempts.size - concurrency.limit;
    if (excess > 0) {
      // The parts that lose least go back into the queue.
      const cheap = [...attempts]
        .filter(({ isBodySent, part }) => !isBodySent && part.loaded < part.size * WORTH_FINISHING)
        .sort((a, b) => a.part.loaded - b.part.loaded);
      for (const attempt of cheap.slice(0, excess)) stopAttempt(attempt, "preempted");
    }
    this.#fill();
  }

  #fill(): void {
    const { concurrency, queue } = this.#context;
    while (this.#outcome !== null && this.#workers < concurrency.limit && queue.length > 0) {
      this.#workers += 1;
      void this.#work();
    }
    if (this.#workers > 0 || queue.length > 0) return;
    this.#outcome?.resolve();
    this.#outcome = null;
  }

  async #work(): Promise<void> {
    const { concurrency, queue } = this.#context;
    const isExcess = () => this.#workers > concurrency.limit;
    try {
      while (this.#outcome !== null && !isExcess()) {
        const part = queue.shift();
        if (part === undefined) break;
        if (!(await sendPart(this.#context, part, isExcess))) queue.unshift(part);
      }
    } catch (reason) {
      this.#outcome?.reject(reason);
      this.#outcome = null;
    } finally {
      this.#workers -= 1;
      if (this.#outcome !== null) this.#fill();
    }
  }
}
