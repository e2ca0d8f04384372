// When to stop trying: only after many failures and a long time without any progress.
import type { Clock } from "./clock";
import { MAX_FAILURES, NO_PROGRESS_LIMIT_MS } from "./retry";

export class Patience {
  private progressAt: number;

  constructor(private readonly clock: Clock) {
    this.progressAt = clock.now();
  }

  /** Something moved forward; also after time that must not count: offline, signed out, asleep. */
  renew(): void {
    this.progressAt = this.clock.now();
  }

  isOver(failures: number): boolean {
    return failures >= MAX_FAILURES && this.clock.now() - this.progressAt >= NO_PROGRESS_LIMIT_MS;
  }
}
