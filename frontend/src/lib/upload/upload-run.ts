// One upload from the chosen file to the API's last word, told as a story: check, begin, send, assemble.
import { ApiCaller, type RunContext } from "./api-caller";
import { checkContent, checkFile, createRequest } from "./check-file";
import { Bell, linkedController } from "./clock";
import { Connection, WaitBoard } from "./connection";
import {
  ApiFailure,
  damagedOnTheWay,
  fileChanged,
  fileUnreadable,
  fromApi,
  networkFailure,
  UploadFailed,
  uploadFailure,
} from "./errors";
import { HashAhead } from "./hash-ahead";
import { Lanes } from "./lanes";
import { expectedPartSize, PartLedger } from "./part-ledger";
import { PartPool } from "./part-pool";
import { Patience } from "./patience";
import type { CreatedUpload, PartProof, SignedParts, UploaderOptions, UploaderPorts } from "./ports";
import { SNIFF_BYTES } from "./sniff";
import { EtaDisplay, SpeedMeter } from "./speed";
import type { UploadLog } from "./telemetry";
import type { FileFacts, Progress, UploadFailure, UploadPolicy, Video, Waiting } from "./types";
import type { UploadEvent } from "./upload-state";
import { UrlBook } from "./url-book";

const BEAT_MS = 1000;
/** A hidden tab's timers may be a minute late; a longer gap, or time running backwards, is sleep or a new clock. */
const JUMP_MS = 75_000;
/** Six parts report many times a second; the eye needs ten. */
const PROGRESS_EVERY_MS = 100;
/** The contract's pace while the server says `completing`, and how long that may go on. */
const COMPLETING_EVERY_MS = 2000;
const COMPLETING_LIMIT_MS = 900_000;
const MAX_INCOMPLETE_ROUNDS = 5;
/** Silence up to here counts as slowness once bytes move again; longer is an outage, and tells nothing of the line. */
const SLOWNESS_MS = 10_000;
const GOODPUT_TAU_MS = 20_000;
const SIGNED_AHEAD = 44;

/** What outlives a run that failed, so that a retry goes on where it was. */
export interface UploadJob {
  readonly file: File;
  readonly facts: FileFacts;
  readonly lastModified: number;
  readonly log: UploadLog;
  idempotencyKey: string;
  /** A create was sent and its answer is not known: there may be a video. */
  isCreateInDoubt: boolean;
  /** A complete was sent and its answer is not known: the video may be whole, and must not be removed unasked. */
  isCompleteInDoubt: boolean;
  upload: { readonly videoId: string; readonly ledger: PartLedger } | null;
}

type OpenUpload = NonNullable<UploadJob["upload"]>;

export class UploadRun {
  private readonly controller = new AbortController();
  private readonly signal = this.controller.signal;
  private readonly context: RunContext;
  private readonly caller: ApiCaller;
  private readonly hashes: HashAhead | null;
  private readonly urls: UrlBook;
  private readonly speed = new SpeedMeter();
  private readonly goodput = new SpeedMeter(GOODPUT_TAU_MS);
  private readonly eta = new EtaDisplay();
  private lanes: Lanes;
  private pool: PartPool | null = null;
  private cleanups: (() => void)[] = [];
  private beatAt: number;
  private bytesAtBeat = 0;
  private silentMs = 0;
  private publishedAt = 0;
  private shownEta: number | null = null;

  constructor(
    private readonly job: UploadJob,
    private readonly ports: UploaderPorts,
    private readonly policy: UploadPolicy,
    private readonly options: UploaderOptions,
    private readonly emit: (event: UploadEvent) => void,
  ) {
    const { clock, network, random, hasher, api } = ports;
    const { signal } = this;
    const bell = new Bell(clock);
    const board = new WaitBoard(clock, () => this.publishWaiting());
    const connection = new Connection(network, clock, bell, board);
    this.context = {
      clock,
      bell,
      board,
      connection,
      patience: new Patience(clock),
      log: job.log,
      random,
      signal,
    };
    this.caller = new ApiCaller(this.context);
    this.hashes = options.integrity === false ? null : new HashAhead(hasher, clock, job.file, this.signal);
    this.urls = new UrlBook(
      clock,
      (partNumbers) =>
        this.caller.call("sign", true, () => api.sign(this.openUpload.videoId, partNumbers, this.signal)),
      () => this.upcoming(),
    );
    this.lanes = new Lanes(options.maxConcurrency ?? 4);
    this.beatAt = clock.now();
  }

  /** Emits exactly one of completed and failed, or nothing after `stop`. */
  async run(): Promise<void> {
    this.open();
    try {
      await this.check();
      this.emit({ type: "accepted" });
      this.enter("starting");
      const upload = await this.begin();
      const video = await this.sendAndAssemble(upload);
      if (this.signal.aborted) return;
      this.enter("done");
      this.close();
      this.emit({ type: "completed", video });
    } catch (reason) {
      if (this.signal.aborted) return;
      const error = this.explain(reason);
      this.close();
      this.emit({ type: "failed", videoId: this.job.upload?.videoId ?? null, error });
    }
  }

  stop(): void {
    this.close();
  }

  signedIn(): void {
    this.caller.signedIn();
  }

  private open(): void {
    const { clock } = this.ports;
    this.cleanups.push(this.context.connection.watch(() => this.pool?.suspectAll()));
    let cancel: () => void = () => undefined;
    const schedule = () => {
      cancel = clock.after(BEAT_MS, () => {
        schedule();
        this.beat();
      });
    };
    schedule();
    this.cleanups.push(() => cancel());
  }

  private close(): void {
    for (const cleanup of this.cleanups.splice(0)) cleanup();
    this.controller.abort();
    this.ports.hasher.rest();
  }

  // check

  private async check(): Promise<void> {
    const { file } = this.job;
    const refused = checkFile(file, this.policy);
    if (refused !== null) throw new UploadFailed(refused);
    // The first part's hash is ready when the answer to create comes, so that its first byte need not wait.
    if (this.job.upload === null)
      this.hashes?.prepare({ number: 1, start: 0, end: Math.min(file.size, expectedPartSize(file.size)) });
    const leading = await this.read(0, SNIFF_BYTES, () => fileUnreadable(file.name));
    this.signal.throwIfAborted();
    const mismatch = checkContent(file, leading, this.policy);
    if (mismatch !== null) throw new UploadFailed(mismatch);
  }

  private async read(
    start: number,
    end: number,
    failure: (reason: unknown) => UploadFailure,
  ): Promise<Uint8Array> {
    try {
      return new Uint8Array(await this.job.file.slice(start, end).arrayBuffer());
    } catch (reason) {
      throw new UploadFailed(failure(reason));
    }
  }

  /** Browsers refuse to read a file whose size or time on disk is not that of the moment it was chosen. */
  private async verifyFile(): Promise<void> {
    const { file, facts, lastModified } = this.job;
    if (file.size !== facts.sizeBytes || file.lastModified !== lastModified)
      throw new UploadFailed(fileChanged(file.name));
    const isGone = (reason: unknown) => reason instanceof Error && reason.name === "NotFoundError";
    await this.read(0, 1, (reason) => (isGone(reason) ? fileUnreadable(file.name) : fileChanged(file.name)));
  }

  // begin

  private async begin(): Promise<OpenUpload> {
    const kept = this.job.upload;
    if (kept !== null && (await this.resume(kept))) return kept;
    const { file } = this.job;
    let askedAt = this.ports.clock.now();
    const create = () => {
      askedAt = this.ports.clock.now();
      return this.create();
    };
    let created = await this.caller.call("create", false, create);
    if (created.upload === null) {
      // The key belongs to a video that is past uploading, or on its way out: this one needs its own.
      this.job.idempotencyKey = this.ports.newId();
      created = await this.caller.call("create", false, create);
    }
    if (created.upload === null) throw new ApiFailure(409, "wrong_state", "");
    const { id } = created.video;
    const ledger = new PartLedger(file.size, created.upload.part_size_bytes);
    const upload = { videoId: id, ledger };
    this.job.upload = upload;
    this.job.log.videoId = id;
    this.addUrls(created.upload, askedAt);
    this.startSending(upload);
    return upload;
  }

  private async create(): Promise<CreatedUpload> {
    const { job, policy, ports } = this;
    job.isCreateInDoubt = true;
    try {
      const created = await ports.api.create(
        createRequest(job.file, policy),
        job.idempotencyKey,
        this.signal,
      );
      // An answer that comes after a cancel is left to the clean-up, which asks again with the same key.
      if (!this.signal.aborted) job.isCreateInDoubt = false;
      return created;
    } catch (reason) {
      if (reason instanceof ApiFailure && reason.status >= 400 && reason.status < 500)
        job.isCreateInDoubt = false;
      throw reason;
    }
  }

  /** False when the video is gone: then the file starts from the beginning. */
  private async resume(upload: OpenUpload): Promise<boolean> {
    upload.ledger.forgive();
    const unfinished = upload.ledger.unfinished.slice(0, 32).map((part) => part.number);
    try {
      if (unfinished.length > 0) {
        let askedAt = this.ports.clock.now();
        const signed = await this.caller.call("sign", true, () => {
          askedAt = this.ports.clock.now();
          return this.ports.api.sign(upload.videoId, unfinished, this.signal);
        });
        this.addUrls(signed, askedAt);
      }
    } catch (reason) {
      if (!isGone(reason)) {
        if (!isPastSending(reason)) throw reason;
        for (const part of upload.ledger.unfinished) upload.ledger.finish(part);
      } else {
        this.job.upload = null;
        this.job.idempotencyKey = this.ports.newId();
        return false;
      }
    }
    this.startSending(upload);
    return true;
  }

  private addUrls(signed: SignedParts, askedAt: number): void {
    this.urls.add(signed, askedAt);
    const first = signed.parts[0];
    const shares = first !== undefined && new URL(first.url).origin === this.options.pageOrigin;
    // HTTP/1.1 gives six connections an origin; where the API shares it, its calls must not queue behind parts.
    this.lanes = new Lanes(this.options.maxConcurrency ?? (shares ? 4 : 6));
  }

  private startSending(upload: OpenUpload): void {
    const { job, ports } = this;
    job.log.partCount = upload.ledger.parts.length;
    job.log.sending(ports.clock.now());
    this.bytesAtBeat = upload.ledger.bytesMoved;
    this.enter("sending");
    this.emit({ type: "created", videoId: upload.videoId, progress: this.progress(upload.ledger) });
  }

  // send and assemble

  private async sendAndAssemble(upload: OpenUpload): Promise<Video> {
    for (let round = 0; ; round += 1) {
      await this.send(upload);
      this.publish();
      this.emit({ type: "sent" });
      this.enter("assembling");
      const video = await this.assemble(upload, round);
      if (video !== null) return video;
      this.emit({ type: "found_incomplete" });
      this.enter("sending");
    }
  }

  private async send(upload: OpenUpload): Promise<void> {
    const { controller, unlink } = linkedController(this.signal);
    const pool = new PartPool({
      ...this.context,
      signal: controller.signal,
      file: this.job.file,
      ledger: upload.ledger,
      lanes: this.lanes,
      urls: this.urls,
      hashes: this.hashes,
      transport: this.ports.transport,
      verifyFile: () => this.verifyFile(),
      // What has arrived already tells enough where the rest moved too shortly to be measured.
      goodput: () => this.goodput.bytesPerSecond ?? this.job.log.goodput,
      onProgress: () => this.publishSoon(),
    });
    this.pool = pool;
    try {
      await pool.run();
    } catch (reason) {
      // Completed already, by a call whose answer was lost: complete tells how it ended.
      if (!isPastSending(reason)) throw reason;
    } finally {
      this.pool = null;
      unlink();
      controller.abort();
    }
  }

  /** The Video, or null when the server misses parts: they are open again. */
  private async assemble(upload: OpenUpload, round: number): Promise<Video | null> {
    const { api, clock } = this.ports;
    const since = clock.now();
    const proof = proofOf(upload.ledger);
    this.job.isCompleteInDoubt = true;
    for (;;) {
      let video: Video;
      try {
        video = await this.caller.call("complete", true, () =>
          api.complete(upload.videoId, proof, this.signal),
        );
      } catch (reason) {
        if (!(reason instanceof ApiFailure) || reason.status < 400 || reason.status >= 500) throw reason;
        this.job.isCompleteInDoubt = false;
        if (reason.code !== "parts_incomplete") throw reason;
        const reopened = upload.ledger.reopen(namedParts(reason));
        if (reopened === 0 || round + 1 >= MAX_INCOMPLETE_ROUNDS) throw new UploadFailed(damagedOnTheWay());
        this.job.log.note(clock.now(), `complete: ${reopened} parts to send again`);
        return null;
      }
      if (video.status !== "completing" && video.status !== "uploading") return video;
      if (clock.now() - since > COMPLETING_LIMIT_MS)
        throw new UploadFailed(networkFailure("The storage", 504));
      this.context.patience.renew();
      await this.context.bell.wait(COMPLETING_EVERY_MS, this.signal);
    }
  }

  // what is seen from outside

  private beat(): void {
    const { clock } = this.ports;
    const now = clock.now();
    const elapsed = now - this.beatAt;
    this.beatAt = now;
    if (elapsed < 0 || elapsed > JUMP_MS) this.jumped(now);
    else this.measure(elapsed);
    this.pool?.watch();
    this.publish();
  }

  /** The machine slept, or somebody set its clock: no URL's age and no silence can be trusted. */
  private jumped(now: number): void {
    this.job.log.clockJumps += 1;
    this.job.log.note(now, "the clock jumped");
    this.bytesAtBeat = this.job.upload?.ledger.bytesMoved ?? 0;
    this.context.patience.renew();
    this.urls.forgetAll();
    this.pool?.suspectAll();
    this.context.bell.ring();
  }

  private measure(elapsed: number): void {
    const ledger = this.job.upload?.ledger;
    if (ledger === undefined || this.pool === null) return;
    const moved = ledger.bytesMoved - this.bytesAtBeat;
    this.bytesAtBeat = ledger.bytesMoved;
    this.speed.add(moved, elapsed);
    if (moved > 0) {
      this.goodput.add(moved, elapsed + (this.silentMs <= SLOWNESS_MS ? this.silentMs : 0));
      this.silentMs = 0;
    } else this.silentMs += elapsed;
    const goodput = this.goodput.bytesPerSecond;
    if (goodput !== null) this.lanes.project(ledger.partSizeBytes, goodput);
    const left = ledger.sizeBytes - ledger.bytesSent;
    this.shownEta = this.eta.show(left, this.waiting === null ? this.speed.bytesPerSecond : null);
  }

  private publishSoon(): void {
    if (Math.abs(this.ports.clock.now() - this.publishedAt) >= PROGRESS_EVERY_MS) this.publish();
  }

  private publish(): void {
    this.publishedAt = this.ports.clock.now();
    this.job.log.clockOffsetMs = this.urls.clockOffsetMs;
    const ledger = this.job.upload?.ledger;
    if (ledger !== undefined) {
      this.job.log.bytesSent = Math.max(this.job.log.bytesSent, ledger.bytesSent);
      this.emit({ type: "progressed", progress: this.progress(ledger) });
    }
    this.publishWaiting();
  }

  private publishWaiting(): void {
    if (this.signal.aborted) return;
    this.emit({ type: "waited", waiting: this.waiting });
  }

  private get waiting(): Waiting | null {
    // What was in flight when the network went is kept, but a person should read why it does not move.
    if (this.context.connection.isOffline && this.silentMs > 0) return { reason: "offline" };
    return this.context.board.waiting(this.pool?.isMoving ?? false);
  }

  private progress(ledger: PartLedger): Progress {
    const { bytesSent, sizeBytes } = ledger;
    const speed = this.speed.bytesPerSecond;
    return {
      bytesSent,
      bytesTotal: sizeBytes,
      percent: Math.floor((bytesSent * 100) / sizeBytes),
      bytesPerSecond: speed === null ? null : Math.round(speed),
      etaSeconds: this.shownEta,
    };
  }

  /** The parts whose URLs are wanted ahead: no more than can be sent before those URLs end. */
  private upcoming(): readonly number[] {
    const speed = this.speed.bytesPerSecond;
    const ledger = this.job.upload?.ledger;
    const lifeSeconds = this.policy.presign_ttl_seconds / 2;
    const sendable =
      speed === null || ledger === undefined
        ? SIGNED_AHEAD
        : Math.ceil((speed * lifeSeconds) / ledger.partSizeBytes);
    const count = Math.min(SIGNED_AHEAD, Math.max(this.lanes.cap, sendable));
    return (this.pool?.upcoming(count) ?? []).map((part) => part.number);
  }

  private get openUpload(): OpenUpload {
    if (this.job.upload === null) throw new Error("nothing is open yet");
    return this.job.upload;
  }

  private enter(phase: UploadLog["phase"]): void {
    this.job.log.phase = phase;
  }

  private explain(reason: unknown): UploadFailure {
    if (isGone(reason)) {
      this.job.upload = null;
      this.job.idempotencyKey = this.ports.newId();
    }
    if (reason instanceof UploadFailed) return reason.failure;
    if (reason instanceof ApiFailure) return fromApi(reason);
    const name = reason instanceof Error ? reason.name : "unknown";
    this.job.log.note(this.ports.clock.now(), `unexpected: ${name}`);
    return uploadFailure(
      "rejected",
      `Something went wrong in this page (${name}). Try again; if it happens again, reload the page and send us the report.`,
      { retryable: true },
    );
  }
}

function proofOf(ledger: PartLedger): PartProof[] {
  return ledger.parts.flatMap((part) =>
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
