// Sends the parts of one open upload, in one or several rounds.
import { linkedController } from "./delays";
import type { Attempt } from "./part-attempt";
import { PartPool } from "./part-pool";
import { ProgressReporter } from "./progress";
import { Concurrency } from "./rules/concurrency";
import { isPastSending } from "./rules/errors";
import type { Part } from "./rules/part-list";
import type { RunContext } from "./run-context";
import type { OpenUpload } from "./upload-job";
import { type TimedParts, UrlCache } from "./url-cache";
import { callApi } from "./waiting";
import { Watchdog } from "./watchdog";

const MAX_SIGNED_AHEAD = 44;
/** HTTP/1.1 allows six connections to an origin. If the API shares it, its calls must not queue behind parts. */
const CONNECTIONS = 6;
const CONNECTIONS_SHARED = 4;

export class Transfer {
  readonly upload: OpenUpload;
  readonly progress: ProgressReporter;
  readonly #context: RunContext;
  readonly #concurrency: Concurrency;
  readonly #urls: UrlCache;
  readonly #attempts = new Set<Attempt>();
  readonly #watchdog: Watchdog;
  /** The parts that wait to be sent, the next one first. */
  #queue: Part[] = [];
  #pool: PartPool | null = null;

  /** `signed`: the first URLs, or null if every part is sent. */
  constructor(context: RunContext, upload: OpenUpload, signed: TimedParts | null) {
    const { clock, log, options, policy } = context;
    this.#context = context;
    this.upload = upload;
    this.progress = new ProgressReporter(context, upload.parts);
    const url = signed?.parts[0]?.url;
    const hasOwnOrigin = url !== undefined && new URL(url).origin !== options.pageOrigin;
    this.#concurrency = new Concurrency(
      options.maxConcurrency ?? (hasOwnOrigin ? CONNECTIONS : CONNECTIONS_SHARED),
    );
    this.#watchdog = new Watchdog(clock, this.#attempts, () => this.progress.goodput ?? log.goodput);
    this.#urls = new UrlCache({
      clock,
      log,
      batchSize: policy.max_parts_per_signing,
      sign: (partNumbers) => signParts(context, upload.videoId, partNumbers),
      upcoming: () => this.#upcoming(),
    });
    if (signed !== null) this.#urls.add(signed);
  }

  /** Resolves when the store has every part, or the API says that the upload is past sending. */
  async send(): Promise<void> {
    const { activity, signal, ticker } = this.#context;
    const { controller, unlink } = linkedController(signal);
    this.#queue = [...this.upload.parts.unfinished];
    this.#pool = new PartPool({
      ...this.#context,
      signal: controller.signal,
      parts: this.upload.parts,
      concurrency: this.#concurrency,
      urls: this.#urls,
      queue: this.#queue,
      attempts: this.#attempts,
      onProgress: () => {
        ticker.observe();
        this.progress.publishSoon();
      },
    });
    activity.isSending = true;
    try {
      await this.#pool.run();
    } catch (reason) {
      // A complete request whose answer was lost has worked. The next one tells how it ended.
      if (!isPastSending(reason)) throw reason;
    } finally {
      activity.isSending = false;
      this.#pool = null;
      unlink();
      controller.abort();
    }
    this.progress.publish();
  }

  tick(elapsedMs: number | null): void {
    const { progress } = this;
    progress.measure(elapsedMs);
    if (progress.goodput !== null)
      this.#concurrency.project(this.upload.parts.partSizeBytes, progress.goodput);
    this.#watchdog.check();
    this.#pool?.adjust();
    progress.publish();
  }

  /** Old connections may be dead. If the clock was set, the age of no URL is known either. */
  suspectConnections(isClockSet: boolean): void {
    if (isClockSet) this.#urls.invalidateAll();
    this.#watchdog.shortenLimits(isClockSet);
  }

  /** The parts whose URLs are needed next: no more than can be sent within half of a URL's life. */
  #upcoming(): readonly number[] {
    const { bytesPerSecond } = this.progress;
    const lifeSeconds = this.#context.policy.presign_ttl_seconds / 2;
    const sendable =
      bytesPerSecond === null
        ? MAX_SIGNED_AHEAD
        : Math.ceil((bytesPerSecond * lifeSeconds) / this.upload.parts.partSizeBytes);
    const count = Math.min(MAX_SIGNED_AHEAD, Math.max(this.#concurrency.max, sendable));
    return this.#queue.slice(0, count).map((part) => part.number);
  }
}

/** `sentAt` belongs to the call that was answered: others may have failed for minutes before it. */
export function signParts(
  context: RunContext,
  videoId: string,
  partNumbers: readonly number[],
): Promise<TimedParts> {
  return callApi(context, "sign", true, async () => {
    const sentAt = context.clock.now();
    return { ...(await context.ports.api.sign(videoId, partNumbers, context.signal)), sentAt };
  });
}
