// When to stop trying: only after many failures and a long time without any progress.
import type { Clock } from "./clock";
import { MAX_FAILURES, NO_PROGRESS_LIMIT_MS } from "./retry";

export function createPatience(clock: Clock) {
  let progressAt = clock.now();

  /** Something moved forward; also after time that must not count: offline, signed out, asleep. */
  function renew(): void {
    progressAt = clock.now();
  }

  function isOver(failures: number): boolean {
    return failures >= MAX_FAILURES && clock.now() - progressAt >= NO_PROGRESS_LIMIT_MS;
  }

  return { renew, isOver };
}

export type Patience = ReturnType<typeof createPatience>;
