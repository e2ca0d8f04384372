// One upload from the chosen file to the API's last word, told as a story: check, begin, send, assemble.
import { createApiCaller, type RunContext } from "./api-caller";
import { createConnection, createWaitBoard } from "./connection";
import { createBell, linkedController } from "./delays";
import { createHashAhead } from "./hash-ahead";
import { createPartPool, type PartPool } from "./part-pool";
import type { PartMd5, UploaderOptions, UploaderPorts } from "./ports";
import { createProgress } from "./progress";
import { checkContent, checkFile, createRequest } from "./rules/check-file";
import { Concurrency } from "./rules/concurrency";
import {
  ApiFailure,
  damagedOnTheWay,
  fileChanged,
  fileUnreadable,
  fromApi,
  stillAssembling,
  UploadFailed,
  uploadFailure,
} from "./rules/errors";
import { expectedPartSize, PartList } from "./rules/part-list";
import { createRetryBudget } from "./rules/retry";
import { SNIFF_BYTES } from "./rules/sniff";
import type { UploadEvent } from "./rules/upload-state";
import type { UploadLog } from "./telemetry";
import { createTicker } from "./ticker";
import type { FileFacts, UploadFailure, UploadPolicy, Video } from "./types";
import { createUrlCache, type TimedParts } from "./url-cache";

/** The contract's pace while the server says `completing`, and how long that may go on. */
const COMPLETING_EVERY_MS = 2000;
const COMPLETING_LIMIT_MS = 900_000;
const MAX_INCOMPLETE_ROUNDS = 5;
const SIGNED_AHEAD = 44;

/** What outlives a run that failed, so that a retry goes on where it was. */
export interface UploadJob {
  readonly file: File;
  readonly facts: FileFacts;
  readonly log: UploadLog;
  idempotencyKey: string;
  /** A create was sent and its answer is not known: there may be a video. */
  isCreateInDoubt: boolean;
  /** A complete was sent and its answer is not known: the video may be whole, and must not be removed unasked. */
  isCompleteInDoubt: boolean;
  upload: { readonly videoId: string; readonly partList: PartList } | null;
}

type OpenUpload = NonNullable<UploadJob["upload"]>;

export function createUploadRun(
  job: UploadJob,
  ports: UploaderPorts,
  policy: UploadPolicy,
  options: UploaderOptions,
  emit: (event: UploadEvent) => void,
) {
  const { file, log } = job;
  const { api, clock, hasher, network, random, transport } = ports;
  const controller = new AbortController();
  const { signal } = controller;
  const bell = createBell(clock);
  const board = createWaitBoard(clock, () => meter.publishWaiting());
  const connection = createConnection(network, clock, bell, board);
  const heart = createTicker(clock, {
    onBeat: beat,
    onNap: () => pool?.suspectAll(false),
    onJump: jumped,
  });
  const retryBudget = createRetryBudget(heart.awakeMs);
  const context: RunContext = { clock, bell, board, connection, retryBudget, log, random, signal };
  const caller = createApiCaller(context);
  const hashes =
    options.integrity === false
      ? null
      : createHashAhead(hasher, clock, file, signal, () =>
          log.note(clock.now(), "no hashes: the parts go unproven"),
        );
  const urls = createUrlCache(clock, (partNumbers) => sign(openUpload().videoId, partNumbers), upcoming, log);
  const meter = createProgress({
    ...context,
    partList: () => job.upload?.partList ?? null,
    pool: () => pool,
    emit,
  });
  let lanes = new Concurrency(options.maxConcurrency ?? 4);
  let pool: PartPool | null = null;
  const cleanups: (() => void)[] = [];

  /** Emits exactly one of completed and failed, or nothing after `stop`. */
  async function run(): Promise<void> {
    open();
    try {
      await check();
      emit({ type: "accepted" });
      enter("starting");
      const upload = await begin();
      const video = await sendAndAssemble(upload);
      if (signal.aborted) return;
      enter("done");
      close();
      emit({ type: "completed", video });
    } catch (reason) {
      if (signal.aborted) return;
      const error = explain(reason);
      close();
      emit({ type: "failed", videoId: job.upload?.videoId ?? null, error });
    }
  }

  function open(): void {
    log.trying(clock.now());
    cleanups.push(connection.watch(() => pool?.suspectAll(false)));
    cleanups.push(heart.start());
  }

  function close(): void {
    for (const cleanup of cleanups.splice(0)) cleanup();
    controller.abort();
    hasher.rest();
  }

  // check

  async function check(): Promise<void> {
    const refused = checkFile(file, policy);
    if (refused !== null) throw new UploadFailed(refused);
    // The first part's hash is ready when the answer to create comes, so that its first byte need not wait.
    if (job.upload === null)
      hashes?.prepare({ number: 1, start: 0, end: Math.min(file.size, expectedPartSize(file.size)) });
    const leading = await read(
      0,
      SNIFF_BYTES,
      job.upload === null ? () => fileUnreadable(file.name) : changed,
    );
    signal.throwIfAborted();
    const mismatch = checkContent(file, leading, policy);
    if (mismatch !== null) throw new UploadFailed(mismatch);
  }

  async function read(
    start: number,
    end: number,
    failure: (reason: unknown) => UploadFailure,
  ): Promise<Uint8Array> {
    try {
      return new Uint8Array(await file.slice(start, end).arrayBuffer());
    } catch (reason) {
      throw new UploadFailed(failure(reason));
    }
  }

  /**
   * Browsers refuse to read a file whose size or time on disk is not that of the moment it was chosen: one byte tells.
   * Of bytes that could not be read once, only those bytes do (a bad spot on the disk).
   */
  async function verifyFile({ start, end } = { start: 0, end: 1 }): Promise<void> {
    await read(start, end, changed);
  }

  function changed(reason: unknown): UploadFailure {
    const isGone = reason instanceof Error && reason.name === "NotFoundError";
    return isGone ? fileUnreadable(file.name) : fileChanged(file.name);
  }

  // begin

  async function begin(): Promise<OpenUpload> {
    const kept = job.upload;
    if (kept !== null && (await resume(kept))) return kept;
    let created = await create();
    if (created.upload === null) {
      // The key belongs to a video that is past uploading, or on its way out: this one needs its own.
      job.idempotencyKey = ports.newId();
      created = await create();
    }
    if (created.upload === null) throw new ApiFailure(409, "wrong_state", "");
    const { id } = created.video;
    const partList = new PartList(file.size, created.upload.part_size_bytes);
    const upload = { videoId: id, partList };
    job.upload = upload;
    log.videoId = id;
    addUrls({ ...created.upload, askedAt: created.askedAt });
    startSending(upload);
    return upload;
  }

  function create() {
    return caller.call("create", false, async () => {
      const askedAt = clock.now();
      const created = await ask("isCreateInDoubt", () =>
        api.create(createRequest(file, policy), job.idempotencyKey, signal),
      );
      // An answer that comes after a cancel is left to the clean-up, which asks again with the same key.
      if (!signal.aborted) job.isCreateInDoubt = false;
      return { ...created, askedAt };
    });
  }

  /** `askedAt` of the try that was answered: there may have been minutes of others before it. */
  function sign(videoId: string, partNumbers: readonly number[]): Promise<TimedParts> {
    return caller.call("sign", true, async () => {
      const askedAt = clock.now();
      return { ...(await api.sign(videoId, partNumbers, signal)), askedAt };
    });
  }

  /** A refusal speaks for its own call: what an earlier one did, whose answer was lost, stays in doubt. */
  async function ask<T>(doubt: "isCreateInDoubt" | "isCompleteInDoubt", call: () => Promise<T>): Promise<T> {
    const before = job[doubt];
    job[doubt] = true;
    try {
      return await call();
    } catch (reason) {
      if (reason instanceof ApiFailure && reason.status >= 400 && reason.status < 500) job[doubt] = before;
      throw reason;
    }
  }

  /** False when the video is gone: then the file starts from the beginning. */
  async function resume(upload: OpenUpload): Promise<boolean> {
    upload.partList.forgive();
    const unfinished = upload.partList.unfinished.slice(0, 32).map((part) => part.number);
    try {
      if (unfinished.length > 0) addUrls(await sign(upload.videoId, unfinished));
    } catch (reason) {
      if (isGone(reason)) {
        forgetUpload();
        return false;
      }
      if (!isPastSending(reason)) throw reason;
      for (const part of upload.partList.unfinished) upload.partList.finish(part);
    }
    startSending(upload);
    return true;
  }

  /** The next try starts from the beginning, under a key of its own. */
  function forgetUpload(): void {
    job.upload = null;
    job.isCompleteInDoubt = false;
    job.idempotencyKey = ports.newId();
  }

  function addUrls(signed: TimedParts): void {
    urls.add(signed);
    const first = signed.parts[0];
    const shares = first !== undefined && new URL(first.url).origin === options.pageOrigin;
    // HTTP/1.1 gives six connections an origin; where the API shares it, its calls must not queue behind parts.
    lanes = new Concurrency(options.maxConcurrency ?? (shares ? 4 : 6));
  }

  function startSending(upload: OpenUpload): void {
    log.partCount = upload.partList.parts.length;
    log.sending(clock.now(), upload.partList.bytesSent);
    meter.skip();
    enter("sending");
    emit({ type: "created", videoId: upload.videoId, progress: meter.progress(upload.partList) });
  }

  // send and assemble

  async function sendAndAssemble(upload: OpenUpload): Promise<Video> {
    for (let round = 0; ; round += 1) {
      await send(upload);
      meter.publish();
      emit({ type: "sent" });
      enter("assembling");
      const video = await assemble(upload, round);
      if (video !== null) return video;
      emit({ type: "found_incomplete" });
      enter("sending");
    }
  }

  async function send(upload: OpenUpload): Promise<void> {
    const { controller: stopper, unlink } = linkedController(signal);
    pool = createPartPool({
      ...context,
      signal: stopper.signal,
      file,
      partList: upload.partList,
      lanes,
      urls,
      hashes,
      transport,
      verifyFile,
      // What has arrived already tells enough where the rest moved too shortly to be measured.
      goodput: () => meter.goodput ?? log.goodput,
      onProgress: () => {
        heart.heard();
        meter.publishSoon();
      },
    });
    try {
      await pool.run();
    } catch (reason) {
      // Completed already, by a call whose answer was lost: complete tells how it ended.
      if (!isPastSending(reason)) throw reason;
    } finally {
      pool = null;
      unlink();
      stopper.abort();
    }
  }

  /** The Video, or null when the server misses parts: they are open again. */
  async function assemble(upload: OpenUpload, round: number): Promise<Video | null> {
    const since = heart.awakeMs();
    const proof = proofOf(upload.partList);
    const complete = () => api.complete(upload.videoId, proof, signal);
    for (;;) {
      let video: Video;
      try {
        video = await caller.call("complete", true, () => ask("isCompleteInDoubt", complete));
      } catch (reason) {
        if (!(reason instanceof ApiFailure) || reason.code !== "parts_incomplete") throw reason;
        job.isCompleteInDoubt = false;
        const reopened = upload.partList.reopen(namedParts(reason));
        if (reopened === 0 || round + 1 >= MAX_INCOMPLETE_ROUNDS) throw new UploadFailed(damagedOnTheWay());
        log.note(clock.now(), `complete: ${reopened} parts to send again`);
        return null;
      }
      if (video.status !== "completing" && video.status !== "uploading") return video;
      if (heart.awakeMs() - since > COMPLETING_LIMIT_MS) throw new UploadFailed(stillAssembling());
      retryBudget.renew();
      await bell.wait(COMPLETING_EVERY_MS, signal);
    }
  }

  // time

  function beat(elapsedMs: number | null): void {
    if (elapsedMs === null) meter.skip();
    else meter.measure(elapsedMs);
    const partList = job.upload?.partList;
    if (partList !== undefined && meter.goodput !== null)
      lanes.project(partList.partSizeBytes, meter.goodput);
    pool?.watch();
    meter.publish();
  }

  function jumped(): void {
    log.clockJumps += 1;
    log.note(clock.now(), "the clock jumped");
    retryBudget.renew();
    urls.forgetAll();
    pool?.suspectAll(true);
    bell.ring();
  }

  /** The parts whose URLs are wanted ahead: no more than can be sent before those URLs end. */
  function upcoming(): readonly number[] {
    const { bytesPerSecond } = meter;
    const partList = job.upload?.partList;
    const lifeSeconds = policy.presign_ttl_seconds / 2;
    const sendable =
      bytesPerSecond === null || partList === undefined
        ? SIGNED_AHEAD
        : Math.ceil((bytesPerSecond * lifeSeconds) / partList.partSizeBytes);
    const count = Math.min(SIGNED_AHEAD, Math.max(lanes.cap, sendable));
    return (pool?.upcoming(count) ?? []).map((part) => part.number);
  }

  function openUpload(): OpenUpload {
    if (job.upload === null) throw new Error("nothing is open yet");
    return job.upload;
  }

  function enter(phase: UploadLog["phase"]): void {
    log.phase = phase;
  }

  function explain(reason: unknown): UploadFailure {
    if (isGone(reason)) forgetUpload();
    if (reason instanceof UploadFailed) return reason.failure;
    if (reason instanceof ApiFailure) return fromApi(reason);
    const name = reason instanceof Error ? reason.name : "unknown";
    log.note(clock.now(), `unexpected: ${name}`);
    return uploadFailure(
      "rejected",
      `Something went wrong in this page (${name}). Try again; if it happens again, reload the page and send us the report.`,
      { retryable: true },
    );
  }

  return { run, stop: close, signedIn: caller.signedIn };
}

export type UploadRun = ReturnType<typeof createUploadRun>;

function proofOf(partList: PartList): PartMd5[] {
  return partList.parts.flatMap((part) =>
    part.md5 === null ? [] : [{ part_number: part.number, md5: part.md5 }],
  );
}

function namedParts(failure: ApiFailure): number[] {
  return [failure.facts.missing, failure.facts.mismatched]
    .flatMap((list) => (Array.isArray(list) ? list : []))
    .filter((value): value is number => typeof value === "number");
}

function isPastSending(reason: unknown): boolean {
  return (
    reason instanceof ApiFailure &&
    reason.code === "wrong_state" &&
    ["completing", "processing", "ready", "failed"].includes(String(reason.facts.status))
  );
}

function isGone(reason: unknown): boolean {
  return (
    reason instanceof ApiFailure &&
    (reason.code === "video_not_found" || (reason.code === "wrong_state" && !isPastSending(reason)))
  );
}
