// Sends the queued parts, as many at once as the concurrency limit allows.
import { maxBodies } from "./part-body";
import { type SenderContext, sendPart } from "./part-sender";
import type { Part } from "./rules/part-list";
import { Trial } from "./trial";

/** A part sent this far is finished even if fewer parts may be in flight now. */
const WORTH_FINISHING = 0.25;

interface PoolContext extends SenderContext {
  readonly queue: Part[];
  /** Called when a connection has nothing left to send. */
  recheck(): Promise<void>;
}

export function createPartPool(context: PoolContext) {
  const { attempts, clock, queue, recheck } = context;
  const trial = new Trial(clock);
  const limit = () => limitOf(context, trial);
  const isExcess = () => workers > limit();
  let workers = 0;
  /** Connections that have nothing left to send and look at the file again. They don't count for the limit. */
  let rechecks = 0;
  /** Null before the start and after the end. */
  let outcome: { resolve: () => void; reject: (reason: unknown) => void } | null = null;

  /** Resolves when the store has every part. Rejects with the first final reason. */
  function run(): Promise<void> {
    return new Promise((resolve, reject) => {
      outcome = { resolve, reject };
      fill();
    });
  }

  /** Follows the limit, which may have changed. Call it once a second. */
  function adjust(): void {
    trial.observe([...attempts]);
    // The parts that lose least go back into the queue.
    const cheap = [...attempts]
      .filter(({ isBodySent, part }) => !isBodySent && part.loaded < part.size * WORTH_FINISHING)
      .sort((a, b) => a.part.loaded - b.part.loaded);
    const excess = Math.max(0, attempts.size - limit());
    for (const attempt of cheap.slice(0, excess)) attempt.controller.abort("preempted");
    fill();
  }

  function fill(): void {
    while (outcome !== null && workers < limit() && queue.length > 0) {
      workers += 1;
      void work();
    }
    if (workers > 0 || rechecks > 0 || queue.length > 0) return;
    outcome?.resolve();
    outcome = null;
  }

  async function work(): Promise<void> {
    await sendQueue().catch(fail);
    workers -= 1;
    fill();
  }

  async function sendQueue(): Promise<void> {
    while (outcome !== null && !isExcess()) {
      const part = queue.shift();
      if (part === undefined) {
        void recheckAside();
        return;
      }
      if (!(await sendPart(context, part, isExcess))) queue.unshift(part);
      fill();
    }
  }

  async function recheckAside(): Promise<void> {
    rechecks += 1;
    await recheck().catch(fail);
    rechecks -= 1;
    fill();
  }

  function fail(reason: unknown): void {
    outcome?.reject(reason);
    outcome = null;
  }

  return { run, adjust };
}

/** How many parts may be in flight. */
function limitOf({ concurrency, parts, ports }: PoolContext, trial: Trial): number {
  return Math.min(
    concurrency.limit,
    parts.isBuffered === null ? trial.limit : Infinity,
    ports.bodyMode.readsBodies ? maxBodies(parts.partSizeBytes) : Infinity,
  );
}
