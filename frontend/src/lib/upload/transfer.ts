// Sends the parts of one open upload, in one or several rounds.
import { linkedController } from "./delays";
import { createPartPool } from "./part-pool";
import { createProgress } from "./progress";
import { confirmFile, createRecheck } from "./recheck";
import { Concurrency } from "./rules/concurrency";
import { isPastSending } from "./rules/errors";
import type { Part } from "./rules/part-list";
import type { RunContext } from "./run-context";
import { mayBeComplete, type OpenUpload } from "./upload-job";
import { createUrlCache, type TimedParts } from "./url-cache";
import { callApi } from "./waiting";
import { createWatchdog } from "./watchdog";

const MAX_SIGNED_AHEAD = 44;
/** HTTP/1.1 allows six connections to an origin. If the API shares it, its calls must not queue behind parts. */
const CONNECTIONS = 6;
const CONNECTIONS_SHARED = 4;

/** `signed` contains the first URLs. It is null if every part is sent. */
export function createTransfer(context: RunContext, upload: OpenUpload, signed: TimedParts | null) {
  const { activity, attempts, clock, job, log, options, policy, ticker, waits } = context;
  const { parts, videoId } = upload;
  const progress = createProgress(context, parts);
  const watchdog = createWatchdog(clock, attempts, parts, () => progress.goodput() ?? log.goodput);
  const concurrency = new Concurrency(options.maxConcurrency ?? connectionsTo(signed, options.pageOrigin));
  const sign = (partNumbers: readonly number[]) => signParts(context, videoId, partNumbers);
  const urls = createUrlCache({ clock, log, batchSize: policy.max_parts_per_signing, sign, upcoming });
  /** The parts that wait to be sent, the next one first. */
  let queue: Part[] = [];
  let pool: ReturnType<typeof createPartPool> | null = null;
  if (signed !== null) urls.add(signed);

  /**
   * Resolves when the store has every part of a file that did not change, or the API says that the upload is past
   * sending.
   */
  async function send(): Promise<void> {
    const controller = linkedController(context.signal);
    const { signal } = controller;
    const onProgress = () => {
      ticker.observe();
      progress.publishSoon();
    };
    const startedAt = ticker.awakeMs();
    const sendingMs = () => job.sendingMs + ticker.awakeMs() - startedAt;
    const recheck = createRecheck({ ...context, signal }, parts.parts, sendingMs);
    const needsFile = !mayBeComplete(job);
    queue = [...parts.unfinished];
    pool = createPartPool({ ...context, signal, parts, concurrency, urls, queue, onProgress, recheck });
    activity.isSending = true;
    try {
      await pool.run();
      if (needsFile) {
        await confirmFile(context);
        await recheck(true);
      }
    } catch (reason) {
      // A complete request whose answer was lost has worked. The next one tells how it ended.
      if (!isPastSending(reason)) throw reason;
    } finally {
      activity.isSending = false;
      job.sendingMs = sendingMs();
      pool = null;
      controller.abort();
    }
    waits.worked("storage");
    progress.publish();
  }

  function tick(elapsedMs: number | null): void {
    progress.measure(elapsedMs);
    concurrency.project(parts.partSizeBytes, progress.goodput());
    watchdog.check();
    pool?.adjust();
    progress.publish();
  }

  /** Old connections may be dead. If the clock was set, the age of no URL is known either. */
  function suspectConnections(isClockSet: boolean): void {
    if (isClockSet) urls.invalidate();
    watchdog.shortenLimits(isClockSet);
  }

  /** The parts whose URLs are needed next, as many as can be sent within half of a URL's life. */
  function upcoming(): readonly number[] {
    const rate = progress.rate() ?? Infinity;
    const sendable = Math.ceil((rate * policy.presign_ttl_seconds) / 2 / parts.partSizeBytes);
    const count = Math.min(MAX_SIGNED_AHEAD, Math.max(concurrency.max, sendable));
    return queue.slice(0, count).map((part) => part.number);
  }

  return { upload, progress, send, tick, suspectConnections };
}

export type Transfer = ReturnType<typeof createTransfer>;

function connectionsTo(signed: TimedParts | null, pageOrigin: string | undefined): number {
  const url = signed?.parts[0]?.url;
  return url === undefined || new URL(url).origin === pageOrigin ? CONNECTIONS_SHARED : CONNECTIONS;
}

export function signParts(
  context: RunContext,
  videoId: string,
  partNumbers: readonly number[],
): Promise<TimedParts> {
  return callApi(context, "sign", true, async (sentAt) => {
    return { ...(await context.ports.api.sign(videoId, partNumbers, context.signal)), sentAt };
  });
}
