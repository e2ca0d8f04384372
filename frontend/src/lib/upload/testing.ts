// A world for the engine's tests: a clock that moves when told, a scripted store and API, and counters for leaks.
import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "./clock";
import { ApiFailure } from "./errors";
import {
  type CreatedUpload,
  type CreateVideo,
  type Guards,
  type Network,
  NO_ANSWER,
  type PartAnswer,
  type PartHash,
  type PartHasher,
  type PartProof,
  type PartRequest,
  type PartTransport,
  type SignedParts,
  type UploadApi,
  type UploaderOptions,
  type UploaderPorts,
} from "./ports";
import type { UploadTelemetry } from "./telemetry";
import type { UploadPolicy, UploadState, Video } from "./types";
import { createUploader, type Uploader } from "./uploader";

export const MIB = 1024 * 1024;
export const T0 = Date.parse("2026-11-22T12:00:00Z");

export const POLICY: UploadPolicy = {
  max_size_bytes: 2 * 1024 * MIB,
  presign_ttl_seconds: 900,
  server_time: "2026-11-22T12:00:00Z",
  containers: [
    {
      container: "mp4",
      extensions: [".mp4", ".m4v"],
      content_types: ["video/mp4", "video/x-m4v"],
      family: "isobmff",
    },
    { container: "mov", extensions: [".mov", ".qt"], content_types: ["video/quicktime"], family: "isobmff" },
    {
      container: "avi",
      extensions: [".avi"],
      content_types: ["video/x-msvideo", "video/avi"],
      family: "riff",
    },
    { container: "webm", extensions: [".webm"], content_types: ["video/webm"], family: "matroska" },
    {
      container: "mkv",
      extensions: [".mkv"],
      content_types: ["video/x-matroska", "video/matroska"],
      family: "matroska",
    },
  ],
  part_plan: {
    min_part_bytes: 5 * MIB,
    max_part_bytes: 16 * MIB,
    part_bytes_multiple: MIB,
    wanted_parts: 6,
  },
  max_parts_per_signing: 32,
};

export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

export const MP4_START = latin1("\0\0\0\x14ftypisom\0\0\x02\0isom\0\0\0\x08free");

export class FakeClock implements Clock {
  /** What timers count: stands still while the machine sleeps. */
  private awake = 0;
  private slept = 0;
  private wrongBy = 0;
  private readonly timers = new Map<number, { at: number; callback: () => void }>();
  private nextTimer = 1;

  now(): number {
    return this.trueNow() + this.wrongBy;
  }

  /** What the servers' clocks say. */
  trueNow(): number {
    return T0 + this.awake + this.slept;
  }

  after(ms: number, callback: () => void): () => void {
    const id = this.nextTimer++;
    this.timers.set(id, { at: this.awake + Math.max(0, ms), callback });
    return () => this.timers.delete(id);
  }

  get pending(): number {
    return this.timers.size;
  }

  /** Lets promises settle without time passing. */
  async settle(): Promise<void> {
    await turn();
  }

  /** Runs every timer due within `ms`, in order, letting promises settle between them. */
  async advance(ms: number, until: () => boolean = () => false): Promise<void> {
    const end = this.awake + ms;
    await turn();
    while (!until()) {
      let due: { id: number; at: number; callback: () => void } | null = null;
      for (const [id, timer] of this.timers)
        if (timer.at <= end && (due === null || timer.at < due.at)) due = { id, ...timer };
      if (due === null) {
        this.awake = end;
        return;
      }
      this.timers.delete(due.id);
      this.awake = due.at;
      due.callback();
      await turn();
    }
  }

  /** The machine sleeps: time passes, and no timer notices. */
  sleep(ms: number): void {
    this.slept += ms;
  }

  /** Somebody sets the machine's clock. */
  set(ms: number): void {
    this.wrongBy += ms;
  }
}

/** A file whose bytes are never made; only its first ones and whether it reads. */
export class FakeFile {
  readError: string | null = null;
  readonly reads: (readonly [number, number])[] = [];

  constructor(
    readonly size: number,
    readonly name = "holiday.mp4",
    private readonly leading: Uint8Array = MP4_START,
  ) {}

  slice(start = 0, end = this.size): FakeSlice {
    return new FakeSlice(this, start, Math.min(end, this.size));
  }

  async read(start: number, end: number): Promise<ArrayBuffer> {
    this.reads.push([start, end]);
    if (this.readError !== null) throw new DOMException("no", this.readError);
    const bytes = new Uint8Array(Math.min(end - start, 4096));
    for (let at = 0; start === 0 && at < bytes.length; at += 1)
      bytes[at] = this.leading[at % this.leading.length] ?? 0;
    return bytes.buffer;
  }

  asFile(): File {
    return this as unknown as File; // the engine uses name, size and slice alone
  }
}

export class FakeSlice {
  constructor(
    private readonly file: FakeFile,
    readonly start: number,
    readonly end: number,
  ) {}

  get size(): number {
    return this.end - this.start;
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.file.read(this.start, this.end);
  }
}

function sliceOf(blob: Blob): FakeSlice {
  return blob as unknown as FakeSlice; // every blob here comes from FakeFile.slice
}

/** Stands for the MD5 of a range: what the fake store compares. */
export function fakeMd5(start: number, end: number): string {
  return `${start.toString(16).padStart(16, "0")}${end.toString(16).padStart(16, "0")}`;
}

export class FakeHasher implements PartHasher {
  mode: "works" | "unavailable" | "unreadable" | "silent" | "throws" = "works";
  readonly hashed: number[] = [];
  tookMs = 0;
  rests = 0;
  warmUps = 0;

  constructor(private readonly clock: FakeClock) {}

  async md5(slice: Blob, signal: AbortSignal): Promise<PartHash> {
    watchSignal(signal);
    const { start, end } = sliceOf(slice);
    this.hashed.push(start);
    if (this.tookMs > 0) await new Promise<void>((resolve) => this.clock.after(this.tookMs, resolve));
    switch (this.mode) {
      case "works":
        return { kind: "md5", hex: fakeMd5(start, end) };
      case "silent":
        return new Promise(() => undefined);
      case "throws":
        throw new Error("wasm");
      default:
        return { kind: this.mode };
    }
  }

  warmUp(): void {
    this.warmUps += 1;
  }

  rest(): void {
    this.rests += 1;
  }
}

export type Fault =
  | { readonly kind: "ok" }
  | {
      readonly kind: "status";
      readonly status: number;
      readonly code?: string;
      readonly retryAfter?: number;
      /** How much of the body the store took before it answered. */
      readonly at?: number;
    }
  /** The connection breaks after this share of the body. */
  | { readonly kind: "reset"; readonly at: number }
  /** Progress up to this share of the body, then silence for ever. */
  | { readonly kind: "stall"; readonly at: number }
  /** The body is taken, the answer never comes. */
  | { readonly kind: "mute" };

export interface Attempt {
  readonly part: number;
  /** 1 for the part's first. */
  readonly attempt: number;
  readonly urlSerial: number;
  readonly isExpired: boolean;
  readonly at: number;
  readonly contentMd5: string | null;
}

const watchedSignals = new Set<AbortSignal>();
function watchSignal(signal: AbortSignal): void {
  watchedSignals.add(signal);
}

export class FakeStore implements PartTransport {
  /** Of each connection, or of the line they share. */
  bytesPerSecond = 8 * MIB;
  lineBytesPerSecond: number | null = null;
  /** Nothing moves and nothing breaks before this moment. */
  frozenUntil = 0;
  answerMs = 20;
  fault: (attempt: Attempt) => Fault = () => ({ kind: "ok" });
  readonly attempts: Attempt[] = [];
  /** What the store has: the last acknowledged range of each part, and its MD5. */
  readonly parts = new Map<number, { start: number; end: number; md5: string }>();
  open = 0;
  mostOpen = 0;
  private readonly counts = new Map<number, number>();

  constructor(private readonly clock: FakeClock) {}

  async put(request: PartRequest): Promise<PartAnswer> {
    const url = new URL(request.url);
    const part = Number(url.searchParams.get("partNumber"));
    const attempt: Attempt = {
      part,
      attempt: (this.counts.get(part) ?? 0) + 1,
      urlSerial: Number(url.searchParams.get("serial")),
      isExpired: this.clock.trueNow() >= Number(url.searchParams.get("expires")),
      at: this.clock.trueNow() - T0,
      contentMd5: request.contentMd5,
    };
    this.counts.set(part, attempt.attempt);
    this.attempts.push(attempt);
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    watchSignal(request.signal);
    try {
      return await this.answer(request, attempt);
    } finally {
      this.open -= 1;
    }
  }

  private async answer(request: PartRequest, attempt: Attempt): Promise<PartAnswer> {
    const { start, end, size } = sliceOf(request.body);
    const given = this.fault(attempt);
    const fault: Fault =
      given.kind === "ok" && attempt.isExpired
        ? { kind: "status", status: 403, code: "AccessDenied", at: 0 }
        : given;
    const share = fault.kind === "ok" || fault.kind === "mute" ? 1 : (fault.at ?? 1);
    for (let sent = 0; sent < size * share; ) {
      if (!(await this.pass(Math.max(0, this.frozenUntil - this.clock.trueNow()), request.signal)))
        return NO_ANSWER;
      const rate =
        this.lineBytesPerSecond === null ? this.bytesPerSecond : this.lineBytesPerSecond / this.open;
      const bytes = Math.min(size * share - sent, rate / 4);
      if (!(await this.pass((bytes / rate) * 1000, request.signal))) return NO_ANSWER;
      sent += bytes;
      request.onProgress(Math.floor(sent));
    }
    if (share === 1 && fault.kind !== "reset") request.onBodySent();
    if (fault.kind === "stall" || fault.kind === "mute") {
      await this.pass(null, request.signal);
      return NO_ANSWER;
    }
    if (fault.kind === "reset") return NO_ANSWER;
    if (!(await this.pass(this.answerMs, request.signal))) return NO_ANSWER;
    if (fault.kind === "status")
      return {
        status: fault.status,
        storeCode: fault.code ?? null,
        retryAfterSeconds: fault.retryAfter ?? null,
      };
    this.parts.set(attempt.part, { start, end, md5: fakeMd5(start, end) });
    return { status: 200, storeCode: null, retryAfterSeconds: null };
  }

  /** False when the request was aborted meanwhile. */
  private pass(ms: number | null, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (passed: boolean) => {
        cancel();
        signal.removeEventListener("abort", onAbort);
        resolve(passed);
      };
      const onAbort = () => settle(false);
      const cancel = ms === null ? () => undefined : this.clock.after(ms, () => settle(true));
      signal.addEventListener("abort", onAbort);
    });
  }
}

export function apiFailure(
  status: number,
  code = "internal_error",
  facts: Record<string, unknown> = {},
  retryAfterSeconds: number | null = null,
): ApiFailure {
  return new ApiFailure(
    status,
    code,
    `The API says ${code}.`,
    status === 0 ? null : "req-1",
    retryAfterSeconds,
    facts,
  );
}

export type Call = "create" | "sign" | "complete" | "remove";

export class FakeApi implements UploadApi {
  /** Thrown by the next calls of that name, in order; null lets one through. `lost` does the work first, `gone` deletes the video. */
  readonly failures: Record<Call, (ApiFailure | null | { lost: true } | { hang: true } | { gone: true })[]> =
    {
      create: [],
      sign: [],
      complete: [],
      remove: [],
    };
  readonly calls: { call: Call; at: number; args: readonly unknown[] }[] = [];
  readonly unloads: string[] = [];
  readonly videos = new Map<string, { key: string; status: Video["status"]; request: CreateVideo }>();
  latencyMs = 20;
  skewMs = 0;
  urlLifeMs = 900_000;
  firstBatch = 32;
  partSize = 5 * MIB;
  storeOrigin = "https://store.test";
  /** How many completes answer `completing` before the last. */
  completingAnswers = 0;
  lastProof: readonly PartProof[] = [];
  private serial = 0;
  private count = 0;

  constructor(
    private readonly clock: FakeClock,
    private readonly store: FakeStore,
  ) {}

  countOf(call: Call): number {
    return this.calls.filter((made) => made.call === call).length;
  }

  async create(request: CreateVideo, key: string, signal: AbortSignal): Promise<CreatedUpload> {
    return this.called("create", [request, key], signal, () => {
      const known = [...this.videos].find(([, video]) => video.key === key);
      const id = known?.[0] ?? `video-${++this.count}`;
      if (known === undefined) this.videos.set(id, { key, status: "uploading", request });
      const status = this.statusOf(id);
      const partCount = Math.ceil(request.size_bytes / this.partSize);
      const numbers = Array.from({ length: Math.min(partCount, this.firstBatch) }, (_, index) => index + 1);
      return {
        video: makeVideo(id, request, status),
        upload:
          status !== "uploading"
            ? null
            : {
                part_size_bytes: this.partSize,
                part_count: partCount,
                expires_at: this.serverTime(3_600_000),
                server_time: this.serverTime(0),
                parts: this.signed(id, numbers),
              },
      };
    });
  }

  async sign(videoId: string, partNumbers: readonly number[], signal: AbortSignal): Promise<SignedParts> {
    return this.called("sign", [videoId, partNumbers], signal, () => {
      if (partNumbers.length < 1 || partNumbers.length > 32) throw apiFailure(422, "validation_error");
      const status = this.statusOf(videoId);
      if (status !== "uploading") throw apiFailure(409, "wrong_state", { status });
      return { parts: this.signed(videoId, partNumbers), server_time: this.serverTime(0) };
    });
  }

  async complete(videoId: string, proof: readonly PartProof[], signal: AbortSignal): Promise<Video> {
    return this.called("complete", [videoId, proof], signal, () => {
      const status = this.statusOf(videoId);
      const request = this.request(videoId);
      this.lastProof = proof;
      if (status === "expired" || status === "deleting") throw apiFailure(409, "wrong_state", { status });
      if (status !== "uploading" && status !== "completing") return makeVideo(videoId, request, status);
      const missing: number[] = [];
      const mismatched: number[] = [];
      for (let number = 1; number <= Math.ceil(request.size_bytes / this.partSize); number += 1) {
        const part = this.store.parts.get(number);
        const end = Math.min(request.size_bytes, number * this.partSize);
        if (part === undefined) missing.push(number);
        else if (part.start !== (number - 1) * this.partSize || part.end !== end) mismatched.push(number);
        else if (proof.some((given) => given.part_number === number && given.md5 !== part.md5))
          mismatched.push(number);
      }
      if (missing.length + mismatched.length > 0)
        throw apiFailure(409, "parts_incomplete", { missing, mismatched });
      this.completingAnswers -= 1;
      this.setStatus(videoId, this.completingAnswers >= 0 ? "completing" : "processing");
      return makeVideo(videoId, request, this.statusOf(videoId));
    });
  }

  async remove(videoId: string, signal: AbortSignal): Promise<void> {
    return this.called("remove", [videoId], signal, () => {
      if (!this.videos.delete(videoId)) throw apiFailure(404, "video_not_found");
    });
  }

  readonly telemetry: UploadTelemetry[] = [];

  report(telemetry: UploadTelemetry): void {
    this.telemetry.push(telemetry);
  }

  removeOnUnload(videoId: string): void {
    this.unloads.push(videoId);
    this.videos.delete(videoId);
  }

  setStatus(videoId: string, status: Video["status"]): void {
    const video = this.videos.get(videoId);
    if (video !== undefined) video.status = status;
  }

  private async called<T>(
    call: Call,
    args: readonly unknown[],
    signal: AbortSignal,
    work: () => T,
  ): Promise<T> {
    this.calls.push({ call, at: this.clock.trueNow() - T0, args });
    watchSignal(signal);
    const failure = this.failures[call].shift() ?? null;
    await new Promise<void>((resolve) => {
      const settle = () => {
        cancel();
        signal.removeEventListener("abort", settle);
        resolve();
      };
      const hangs = failure !== null && "hang" in failure;
      const cancel = this.clock.after(hangs ? 20_000 : this.latencyMs, settle);
      signal.addEventListener("abort", settle);
    });
    // No server misses parts of a video that it has put together.
    const isWhole = this.videos.get(String(args[0]))?.status === "processing";
    const isUntrue = failure instanceof ApiFailure && failure.code === "parts_incomplete" && isWhole;
    if (failure instanceof ApiFailure && !isUntrue) throw failure;
    if (failure !== null && "hang" in failure) throw apiFailure(0, "timeout");
    if (failure !== null && "gone" in failure) this.videos.clear();
    const answer = work();
    if (signal.aborted || (failure !== null && "lost" in failure)) throw apiFailure(0, "network");
    return answer;
  }

  private statusOf(videoId: string): Video["status"] {
    const video = this.videos.get(videoId);
    if (video === undefined) throw apiFailure(404, "video_not_found");
    return video.status;
  }

  private request(videoId: string): CreateVideo {
    const video = this.videos.get(videoId);
    if (video === undefined) throw apiFailure(404, "video_not_found");
    return video.request;
  }

  private serverTime(aheadMs: number): string {
    return new Date(this.clock.trueNow() + this.skewMs + aheadMs).toISOString();
  }

  private signed(videoId: string, numbers: readonly number[]): SignedParts["parts"] {
    return numbers.map((number) => ({
      part_number: number,
      url: `${this.storeOrigin}/bucket/${videoId}?partNumber=${number}&serial=${++this.serial}&expires=${this.clock.trueNow() + this.urlLifeMs}&X-Amz-Signature=secret`,
      size_bytes: 0,
      expires_at: this.serverTime(this.urlLifeMs),
    }));
  }
}

export function makeVideo(id: string, request: CreateVideo, status: Video["status"]): Video {
  return {
    id,
    original_filename: request.filename,
    content_type: request.content_type,
    size_bytes: request.size_bytes,
    status,
    status_reason: null,
    container: null,
    duration_seconds: null,
    width: null,
    height: null,
    rotation: null,
    video_codec: null,
    audio_codec: null,
    frame_rate: null,
    bit_rate: null,
    hdr: null,
    metadata_complete: false,
    created_at: "2026-11-22T12:00:00Z",
    uploaded_at: null,
    ready_at: null,
    delivery_url: null,
    delivery_url_expires_at: null,
  };
}

export class FakeNetwork implements Network {
  online = true;
  readonly listeners = new Set<(online: boolean) => void>();

  isOnline(): boolean {
    return this.online;
  }

  subscribe(listener: (online: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  go(online: boolean): void {
    this.online = online;
    for (const listener of [...this.listeners]) listener(online);
  }
}

export class FakeGuards implements Guards {
  held = 0;
  holds = 0;
  readonly listeners = new Set<() => void>();

  hold(): () => void {
    this.held += 1;
    this.holds += 1;
    return () => {
      this.held -= 1;
    };
  }

  onPageGone(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  leave(): void {
    for (const listener of [...this.listeners]) listener();
  }
}

export interface World {
  readonly uploader: Uploader;
  readonly clock: FakeClock;
  readonly store: FakeStore;
  readonly api: FakeApi;
  readonly hasher: FakeHasher;
  readonly network: FakeNetwork;
  readonly guards: FakeGuards;
  readonly file: FakeFile;
  /** Every state the page saw, in order. */
  readonly states: UploadState[];
  readonly telemetry: UploadTelemetry[];
  start(): void;
  /** Lets time pass until the upload has ended, and fails if it does not within `ms`. */
  finish(ms?: number): Promise<UploadState>;
  /** What is still held after the end: each must be zero. */
  leaks(): Record<string, number>;
}

export function makeWorld(
  options: {
    readonly size?: number;
    readonly file?: FakeFile;
    readonly uploader?: UploaderOptions;
    readonly random?: () => number;
  } = {},
): World {
  const clock = new FakeClock();
  const store = new FakeStore(clock);
  const api = new FakeApi(clock, store);
  const hasher = new FakeHasher(clock);
  const network = new FakeNetwork();
  const guards = new FakeGuards();
  const file = options.file ?? new FakeFile(options.size ?? 20 * MIB);
  watchedSignals.clear();
  let ids = 0;
  const ports: UploaderPorts = {
    api,
    transport: store,
    hasher,
    clock,
    network,
    guards,
    random: options.random ?? (() => 0.5),
    newId: () => `key-${++ids}`,
    browser: "TestBrowser/1",
  };
  const uploader = createUploader(ports, POLICY, options.uploader);
  const states: UploadState[] = [];
  uploader.subscribe(() => states.push(uploader.getState()));
  return {
    uploader,
    clock,
    store,
    api,
    hasher,
    network,
    guards,
    file,
    states,
    telemetry: api.telemetry,
    start: () => uploader.start(file.asFile()),
    async finish(ms = 7_200_000) {
      await clock.advance(ms, () => isTerminal(uploader.getState()));
      const state = uploader.getState();
      if (!isTerminal(state)) throw new Error(`still ${state.status} after ${ms} ms`);
      return state;
    },
    leaks: () => ({
      timers: clock.pending,
      requests: store.open,
      network: network.listeners.size,
      guards: guards.held,
      signals: [...watchedSignals].reduce(
        (sum, signal) => sum + getEventListeners(signal, "abort").length,
        0,
      ),
    }),
  };
}

export const NO_LEAKS = { timers: 0, requests: 0, network: 0, guards: 0, signals: 0 };

export function isTerminal(state: UploadState): boolean {
  return state.status === "done" || state.status === "failed" || state.status === "aborted";
}
