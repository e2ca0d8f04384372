// Reports to the page why nothing moves.
import type { Connection } from "./connection";
import type { Clock } from "./ports";
import type { UploadEvent } from "./rules/upload-state";
import type { RetryCause, Waiting } from "./types";
import type { UploadLog } from "./upload-log";

/** What the parts are doing, written by the modules that send them. */
export interface Activity {
  isSending: boolean;
  readonly attempts: ReadonlySet<unknown>;
  /** How long no byte has moved. */
  silentMs: number;
}

interface Wait {
  readonly reason: Waiting["reason"];
  readonly attempt: number;
  readonly until: number;
  readonly cause: RetryCause;
}

export function createWaitStatus(
  clock: Clock,
  connection: Connection,
  activity: Activity,
  log: Pick<UploadLog, "block">,
  emit: (event: UploadEvent) => void,
) {
  const waits = new Set<Wait>();

  async function during(
    reason: Wait["reason"],
    delay: Promise<void>,
    { attempt = 0, ms = 0, cause = "no_answer" as RetryCause } = {},
  ) {
    const wait: Wait = { reason, attempt, until: clock.now() + ms, cause };
    waits.add(wait);
    publish();
    await delay;
    waits.delete(wait);
    publish();
  }

  function publish(): void {
    emit({ type: "waited", waiting: current() });
  }

  function current(): Waiting | null {
    // Offline, the parts in flight are kept. The page says so once they stop moving.
    if (connection.isOffline() && (activity.silentMs > 0 || !activity.isSending))
      return { reason: "offline" };
    const all = [...waits];
    for (const reason of ["signed_out", "offline", "file"] as const)
      if (all.some((wait) => wait.reason === reason)) return { reason };
    if (log.block) return { reason: "blocked", why: log.block.reason };
    // While another part moves, one part's retry is not worth showing.
    if (activity.attempts.size > 0 || all.length === 0) return null;
    const { attempt, cause, until } = all.reduce((a, b) => (b.until < a.until ? b : a));
    const resumesInMs = Math.max(0, Math.round(until - clock.now()));
    return { reason: "retrying", attempt, resumesInMs, cause };
  }

  return { during, publish, current };
}

export type WaitStatus = ReturnType<typeof createWaitStatus>;
