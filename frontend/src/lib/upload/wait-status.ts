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

export type Server = "slipway" | "storage";

export function createWaitStatus(
  clock: Clock,
  connection: Connection,
  activity: Activity,
  log: Pick<UploadLog, "block">,
  emit: (event: UploadEvent) => void,
) {
  const waits = new Set<Wait>();
  /** The last retry of each server that has not worked yet. An attempt alone shows no end of the outage. */
  const unproven = new Map<Server, Wait>();

  async function during(reason: "offline" | "file" | "signed_out", delay: Promise<void>): Promise<void> {
    await show({ reason, attempt: 0, until: clock.now(), cause: "no_answer" }, delay);
    publish();
  }

  async function beforeRetry(
    server: Server,
    delay: Promise<void>,
    { attempt, ms, cause }: { attempt: number; ms: number; cause: RetryCause },
  ): Promise<void> {
    const wait: Wait = { reason: "retrying", attempt, until: clock.now() + ms, cause };
    await show(wait, delay);
    if (activity.attempts.size === 0 || unproven.has(server)) unproven.set(server, wait);
    publish();
  }

  async function show(wait: Wait, delay: Promise<void>): Promise<void> {
    waits.add(wait);
    publish();
    await delay;
    waits.delete(wait);
  }

  /** The storage took bytes, or Slipway answered. */
  function worked(server: Server): void {
    if (unproven.delete(server)) publish();
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
    const retries = activity.attempts.size > 0 || all.length === 0 ? [...unproven.values()] : all;
    if (retries.length === 0) return null;
    const { attempt, cause, until } = retries.reduce((a, b) => (b.until < a.until ? b : a));
    const resumesInMs = Math.max(0, Math.round(until - clock.now()));
    return { reason: "retrying", attempt, resumesInMs, cause };
  }

  return { during, beforeRetry, worked, publish, current };
}
