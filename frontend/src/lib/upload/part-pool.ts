// Sends the queued parts, as many at once as the concurrency limit allows.
import type { Attempt } from "./part-attempt";
import { maxBodies } from "./part-body";
import { type SenderContext, sendPart } from "./part-sender";
import type { Clock } from "./ports";
import type { Part } from "./rules/part-list";

/** A part sent this far is finished even if fewer parts may be in flight now. */
const WORTH_FINISHING = 0.25;
/** If no sent part is answered for so long, one more is sent, because the connections may be dead. */
const SILENT_MS = 30_000;
/** What takes bodies at once takes more of one in a second. */
const TAKEN_AT_ONCE_BYTES = 3 * 1024 * 1024;

function isTakenSlowly({ isBodySent, part, startedAt }: Attempt, clock: Clock): boolean {
  return !isBodySent && part.loaded < TAKEN_AT_ONCE_BYTES && clock.now() - startedAt >= 1000;
}

function isSilent({ isBodySent, lastEventAt }: Attempt, clock: Clock): boolean {
  return isBodySent && clock.now() - lastEventAt >= SILENT_MS;
}

export function createPartPool(context: SenderContext & { readonly queue: Part[] }) {
  const { attempts, clock, concurrency, parts, ports, queue } = context;
  /**
   * What buffers bodies would take all parts at once. So until the first answer, one more part is sent every two
   * seconds, or all at once if bodies are taken slowly.
   */
  let trusted = 1;
  let hasTried = false;
  const limit = () =>
    Math.min(
      concurrency.limit,
      parts.isBuffered === null ? Math.floor(trusted) : Infinity,
      ports.bodyMode.readsBodies ? maxBodies(parts.partSizeBytes) : Infinity,
    );
  const isExcess = () => workers > limit();
  let workers = 0;
  /** Null before the start and after the end. */
  let outcome: { resolve: () => void; reject: (reason: unknown) => void } | null = null;

  /** Resolves when the store has every part. Rejects with the first final reason. */
  function run(): Promise<void> {
    return new Promise((resolve, reject) => {
      outcome = { resolve, reject };
      fill();
    });
  }

  function trust(current: readonly Attempt[]): void {
    if (current.length > 0 && current.every((attempt) => isTakenSlowly(attempt, clock))) trusted = Infinity;
    else if (!current.some(({ isBodySent }) => isBodySent)) trusted += 0.5;
    else if (!hasTried && current.every((attempt) => isSilent(attempt, clock))) {
      hasTried = true;
      trusted = current.length + 1;
    }
  }

  /** Follows the limit, which may have changed. Call it once a second. */
  function adjust(): void {
    trust([...attempts]);
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
    if (workers > 0 || queue.length > 0) return;
    outcome?.resolve();
    outcome = null;
  }

  async function work(): Promise<void> {
    try {
      while (outcome !== null && !isExcess()) {
        const part = queue.shift();
        if (part === undefined) break;
        if (!(await sendPart(context, part, isExcess))) queue.unshift(part);
        fill();
      }
    } catch (reason) {
      outcome?.reject(reason);
      outcome = null;
    }
    workers -= 1;
    if (outcome !== null) fill();
  }

  return { run, adjust };
}
