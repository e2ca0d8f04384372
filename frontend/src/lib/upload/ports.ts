// The interfaces between the engine and its surroundings, which tests replace.
import type { components } from "../api/schema";
import type { UploadTelemetry, Video } from "./types";

export interface Clock {
  /** Wall time in milliseconds. It may jump. */
  now(): number;
  /** Calls back once, unless the returned function is called first. */
  after(ms: number, callback: () => void): () => void;
}

export type CreateVideo = components["schemas"]["CreateVideoIn"];
/** `upload` is null once the video is past `uploading` (an old idempotency key). */
export type CreatedUpload = components["schemas"]["CreatedUploadOut"];
export type SignedParts = components["schemas"]["SignedPartsOut"];
export type PartMd5 = components["schemas"]["CompleteUploadIn"]["parts"][number];

/** Each call returns the answer or throws an ApiFailure. */
export interface UploadApi {
  create(request: CreateVideo, idempotencyKey: string, signal: AbortSignal): Promise<CreatedUpload>;
  sign(videoId: string, partNumbers: readonly number[], signal: AbortSignal): Promise<SignedParts>;
  /** If the video is `completing`, ask again. */
  complete(videoId: string, md5s: readonly PartMd5[], signal: AbortSignal): Promise<Video>;
  remove(videoId: string, signal: AbortSignal): Promise<void>;
  /** Returns the status, which is 200 if the server reaches its store, and 0 without an answer. */
  health(signal: AbortSignal): Promise<number>;
  /** The page goes away, so nothing waits for the answer. */
  removeOnUnload(videoId: string): void;
  /** Reports a run to the server's metrics. Nothing waits for the answer. */
  report(telemetry: UploadTelemetry): void;
}

/**
 * Safari 26 may never report the answer to a request whose body is a slice of a file, so it is sent bytes that were read
 * before. Chromium keeps copies of such bytes, so it is sent slices.
 */
export type PartBody = Blob | Uint8Array<ArrayBuffer>;

/** Holds for the life of the page. */
export interface BodyMode {
  readsBodies: boolean;
}

export interface PartRequest {
  readonly url: string;
  readonly body: PartBody;
  /** Base64, for the Content-MD5 header. Null sends none. */
  readonly contentMd5: string | null;
  readonly signal: AbortSignal;
  /** Bytes of the body given to the network so far. */
  readonly onProgress: (loaded: number) => void;
  /** The whole body is sent. */
  readonly onBodySent: () => void;
}

/** How a part's request ended. It never rejects. */
export interface PartAnswer {
  /** 0 if the connection broke or the signal aborted. */
  readonly status: number;
  readonly storeCode: string | null;
  readonly retryAfterSeconds: number | null;
}

export const NO_ANSWER: PartAnswer = { status: 0, storeCode: null, retryAfterSeconds: null };

/** The code of an answer that the page's Content-Security-Policy prevented. */
export const BLOCKED_BY_POLICY = "Content-Security-Policy";

export interface PartTransport {
  put(request: PartRequest): Promise<PartAnswer>;
}

export type PartHash =
  | { readonly kind: "md5"; readonly hex: string; readonly bytes?: Uint8Array<ArrayBuffer> }
  /** No worker, no WebAssembly, or an abort. The part is sent without MD5. */
  | { readonly kind: "unavailable" }
  /** The bytes did not come in time. This part alone is sent without MD5. */
  | { readonly kind: "late" }
  /** The file could not be read. */
  | { readonly kind: "unreadable" };

export interface PartHasher {
  /** `keepsBytes` also returns the bytes that were hashed. */
  md5(slice: Blob, signal: AbortSignal, keepsBytes?: boolean): Promise<PartHash>;
  /** Starts the worker before the user chooses a file. */
  warmUp(): void;
  /** Stops the worker. The next call starts a new one. */
  release(): void;
}

export interface Network {
  isOnline(): boolean;
  subscribe(listener: (online: boolean) => void): () => void;
}

export interface Guards {
  /** Until the returned function is called, asks before the page is left and keeps the screen awake. */
  hold(): () => void;
  /** Calls back when the page goes away, except into the back/forward cache. */
  onPageGone(listener: () => void): () => void;
}

export interface UploaderPorts {
  readonly api: UploadApi;
  readonly transport: PartTransport;
  readonly hasher: PartHasher;
  readonly clock: Clock;
  readonly network: Network;
  readonly guards: Guards;
  readonly bodyMode: BodyMode;
  /** Uniform in [0, 1), for the jitter. */
  readonly random: () => number;
  readonly newId: () => string;
  /** Named in the failure report. */
  readonly browser: string;
}

export interface UploaderOptions {
  /** The page's own origin. A store on another origin has all of the browser's connections for parts. */
  readonly pageOrigin?: string;
  /** Parts in flight at most, by default 6, or 4 if the store shares the page's origin. */
  readonly maxConcurrency?: number;
  /** False sends no MD5s. For measurements only. */
  readonly integrity?: boolean;
}
