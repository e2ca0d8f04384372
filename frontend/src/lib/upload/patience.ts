// When to stop trying: only after many failures and a long time without any progress.
import { MAX_FAILURES, NO_PROGRESS_LIMIT_MS } from "./retry";

/** `awakeMs`: the time in which the page ran, so that no sleep counts, however the first request after it ends. */
export function createPatience(awakeMs: () => number) {
  let progressAt = awakeMs();

  /** Something moved forward; also after time that must not count: offline, signed out. */
  function renew(): void {
    progressAt = awakeMs();
  }

  function isOver(failures: number): boolean {
    return failures >= MAX_FAILURES && awakeMs() - progressAt >= NO_PROGRESS_LIMIT_MS;
  }

  return { renew, isOver };
}

export type Patience = ReturnType<typeof createPatience>;
