// Sends the parts: several at once, each until the store has it, watched for standing still.
import { pause, type RunContext } from "./api-caller";
import { linkedController } from "./delays";
import { type HashAhead, hexToBase64, PARTS_AHEAD } from "./hash-ahead";
import type { PartAnswer, PartTransport } from "./ports";
import type { Concurrency } from "./rules/concurrency";
import { damagedOnTheWay, networkFailure, storeRefusal, UploadFailed } from "./rules/errors";
import type { Part, PartList } from "./rules/part-list";
import { judgePart } from "./rules/retry";
import type { AttemptEnd } from "./telemetry";
import type { SignedUrl, UrlCache } from "./url-cache";

/** Without progress for this long, plus the time to drain a socket's buffer, a part stands still (measured). */
const STALL_MS = 30_000;
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
/** Until the line is measured: 1 Mbit/s. */
const SLOW_BYTES_PER_SECOND = 125_000;
const LONGEST_DRAIN_MS = 120_000;
/** For the answer, once the whole body is handed over. */
const ANSWER_MS = 60_000;
/** Back online, an old connection gets as long as sending its bytes again would take, within these. */
const LEASH_MIN_MS = 5000;
const LEASH_MAX_MS = 30_000;
/** A part this far on is finished rather than given up for a thinner line. */
const WORTH_KEEPING = 0.25;
/** A 403 on a URL this young, after one renewal, is no matter of time. */
const YOUNG_URL_MS = 60_000;
const MAX_REFUSALS = 3;
const MAX_DAMAGED = 4;

export interface PoolContext extends RunContext {
  readonly file: Blob;
  readonly partList: PartList;
  readonly lanes: Concurrency;
  readonly urls: UrlCache;
  /** Null sends without hashes. */
  readonly hashes: HashAhead | null;
  readonly transport: PartTransport;
  /** Rejects when the file is not the one that was chosen any more, or these bytes of it do not read. */
  readonly verifyFile: (bytes?: Pick<Part, "start" | "end">) => Promise<void>;
  /** Measured while the line moved: a stall must not make itself look like a slow line. */
  readonly goodput: () => number | null;
  readonly onProgress: () => void;
}

interface Flight {
  readonly part: Part;
  readonly stop: AbortController;
  lastEventAt: number;
  isBodySent: boolean;
  /** An earlier limit, after the network came back or the machine woke up. */
  leash: number | null;
  stopped: "stalled" | "preempted" | null;
}

export function createPartPool(context: PoolContext) {
  const { clock, connection, goodput, lanes, log, retryBudget, signal, urls } = context;
  const { file, hashes, partList, onProgress, transport, verifyFile } = context;
  const queue = [...partList.unfinished];
  const flights = new Set<Flight>();
  let running = 0;
  /** Null before the start and after the end. */
  let ending: { resolve: () => void; reject: (reason: unknown) => void } | null = null;

  /** Resolves when the store has every part; rejects with the first reason that is final. */
  function run(): Promise<void> {
    return new Promise((resolve, reject) => {
      ending = { resolve, reject };
      fill();
    });
  }

  function isMoving(): boolean {
    return flights.size > 0;
  }

  /** The parts that wait for their turn, the next one first. */
  function upcoming(count: number): readonly Part[] {
    return queue.slice(0, count);
  }

  /** Looks once a second at what is in flight. */
  function watch(): void {
    const now = clock.now();
    for (const flight of flights) {
      if (now - flight.lastEventAt >= patienceWith(flight)) stop(flight, "stalled");
    }
    thinOut();
    fill();
  }

  /**
   * The network is back, or the machine has slept: old connections may be dead without saying so. On a clock that was
   * set anew no earlier time means anything.
   */
  function suspectAll(isClockNew: boolean): void {
    const now = clock.now();
    for (const flight of flights) {
      // Just heard of, or suspected already: a network that comes and goes must not keep a dead connection for ever.
      if (!isClockNew && (flight.lastEventAt === now || flight.leash !== null)) continue;
      const resendMs = (flight.part.loaded / laneSpeed()) * 1000;
      flight.lastEventAt = now;
      flight.leash = Math.min(LEASH_MAX_MS, Math.max(LEASH_MIN_MS, resendMs));
    }
  }

  function patienceWith(flight: Flight): number {
    const drain = Math.min(LONGEST_DRAIN_MS, (SOCKET_BUFFER_BYTES / laneSpeed()) * 1000);
    // The last bytes of the body may still be in the socket's buffer while the answer is awaited.
    if (flight.isBodySent) return (flight.leash ?? ANSWER_MS) + drain;
    return flight.leash ?? STALL_MS + drain;
  }

  function laneSpeed(): number {
    const speed = goodput();
    return speed === null ? SLOW_BYTES_PER_SECOND : Math.max(1, speed / Math.max(1, flights.size));
  }

  /** More parts in flight than the line affords: those that lose least go back into the queue. */
  function thinOut(): void {
    const excess = flights.size - lanes.limit;
    if (excess <= 0) return;
    const cheap = [...flights]
      .filter((flight) => !flight.isBodySent && flight.part.loaded < flight.part.size * WORTH_KEEPING)
      .sort((a, b) => a.part.loaded - b.part.loaded);
    for (const flight of cheap.slice(0, excess)) stop(flight, "preempted");
  }

  function stop(flight: Flight, why: "stalled" | "preempted"): void {
    flight.stopped ??= why;
    flight.stop.abort();
  }

  function fill(): void {
    while (ending !== null && running < lanes.limit && queue.length > 0) {
      running += 1;
      void lane();
    }
    if (running > 0 || queue.length > 0) return;
    ending?.resolve();
    ending = null;
  }

  async function lane(): Promise<void> {
    try {
      while (ending !== null && running <= lanes.limit) {
        const part = queue.shift();
        if (part === undefined) break;
        await send(part);
      }
    } catch (reason) {
      ending?.reject(reason);
      ending = null;
    } finally {
      running -= 1;
      if (ending !== null) fill();
    }
  }

  /** Until the store has the part, or there are too many lanes: then it goes back into the queue. */
  async function send(part: Part): Promise<void> {
    while (!part.isDone) {
      await connection.ready(signal);
      signal.throwIfAborted();
      if (running > lanes.limit) return putBack(part);
      // The URL last: however long the hash took, the URL has its life before it.
      await hash(part);
      const url = await urls.take(part.number);
      signal.throwIfAborted();
      const end = await attempt(part, url);
      signal.throwIfAborted();
      if (end.outcome === "preempted") return putBack(part);
      await conclude(part, end);
    }
  }

  function putBack(part: Part): void {
    queue.unshift(part);
  }

  async function hash(part: Part): Promise<void> {
    if (hashes === null || part.md5 !== null) return;
    const pending = hashes.of(part);
    for (const next of queue.slice(0, PARTS_AHEAD)) if (next.md5 === null) hashes.prepare(next);
    const hash = await pending;
    signal.throwIfAborted();
    if (hash.kind === "md5") part.md5 = hash.hex;
    // A part that reads here is sent without a hash; else this says why it does not.
    if (hash.kind === "unreadable") await verifyFile(part);
  }

  async function attempt(part: Part, url: SignedUrl): Promise<AttemptEnd> {
    const startedAt = clock.now();
    const { controller, unlink } = linkedController(signal);
    const flight: Flight = {
      part,
      stop: controller,
      lastEventAt: startedAt,
      isBodySent: false,
      leash: null,
      stopped: null,
    };
    flights.add(flight);
    onProgress();
    const answer = await transport.put({
      url: url.url,
      body: file.slice(part.start, part.end),
      contentMd5: part.md5 === null ? null : hexToBase64(part.md5),
      signal: controller.signal,
      onProgress: (loaded) => {
        if (controller.signal.aborted) return;
        flight.lastEventAt = clock.now();
        flight.leash = null;
        if (partList.advance(part, loaded)) {
          retryBudget.renew();
          connection.found();
        }
        onProgress();
      },
      onBodySent: () => {
        flight.lastEventAt = clock.now();
        flight.leash = null;
        flight.isBodySent = true;
      },
    });
    unlink();
    flights.delete(flight);
    const now = clock.now();
    const end = { ...answer, outcome: outcomeOf(answer, flight), url, startedAt };
    log.attempt(now, part, end);
    if (end.outcome === "sent") {
      partList.finish(part);
      log.finished(now, part.size);
      retryBudget.renew();
    }
    part.loaded = 0;
    onProgress();
    return end;
  }

  /** What follows from an attempt: nothing, another try after a pause, or the end of the upload. */
  async function conclude(part: Part, end: AttemptEnd): Promise<void> {
    if (end.status !== 0) {
      connection.answered(end.startedAt);
      connection.found();
    } else if (flights.size === 0) connection.lost();
    if (end.outcome === "sent") return lanes.finished(clock.now() - end.startedAt);
    log.retries += 1;
    if (end.outcome === "stalled") {
      log.stalls += 1;
      // Offline, a request may hang instead of breaking; that counts as little.
      if (connection.broke()) return retryBudget.renew();
      lanes.trouble(clock.now());
      return tryAgain(part, end);
    }
    switch (judgePart(end.status, end.storeCode)) {
      case "again":
        if (end.status === 429 || end.status === 503) lanes.trouble(clock.now());
        if (end.status === 0) {
          // A file that changed on disk breaks the request just like a bad line does.
          await verifyFile();
          // An expired URL may show as a broken connection (Ceph refuses the preflight). By our clock it has time left,
          // so one new URL is enough, and nobody waits for it: the API may be away with the store.
          if (part.failures === 1) urls.refresh(part.number);
          if (connection.broke()) return retryBudget.renew();
        }
        return tryAgain(part, end);
      case "renew": {
        if (clock.now() >= end.url.expiresAt) {
          // Its time ran out on the way: no refusal, but no reason to hurry either.
          urls.forget(part.number);
          return tryAgain(part, end);
        }
        part.refusals += 1;
        const isYoung = clock.now() - end.url.signedAt < YOUNG_URL_MS;
        if (part.refusals >= MAX_REFUSALS || (part.refusals > 1 && isYoung))
          throw new UploadFailed(storeRefusal(end.status, end.storeCode));
        return urls.forget(part.number);
      }
      case "rehash":
        await verifyFile();
        part.md5 = null;
        part.damaged += 1;
        if (part.damaged >= MAX_DAMAGED) throw new UploadFailed(damagedOnTheWay());
        urls.forget(part.number);
        return tryAgain(part, end);
      default:
        throw new UploadFailed(storeRefusal(end.status, end.storeCode));
    }
  }

  async function tryAgain(part: Part, end: AttemptEnd): Promise<void> {
    part.failures += 1;
    if (retryBudget.isOver(part.failures)) throw new UploadFailed(networkFailure("The storage", end.status));
    await pause(context, part.failures, end);
  }

  return { run, isMoving, upcoming, watch, suspectAll };
}

export type PartPool = ReturnType<typeof createPartPool>;

function outcomeOf({ status }: PartAnswer, { stopped }: Flight): AttemptEnd["outcome"] {
  if (status === 0) return stopped ?? "broke";
  return judgePart(status, null) === "sent" ? "sent" : "answered";
}
