// What the engine asks of the world around it: small seams, so that every rule is tested with an exact clock.
import type { components } from "../api/schema";
import type { UploadTelemetry, Video } from "./types";

export interface Clock {
  /** Wall time in milliseconds. It may jump; the engine watches for that. */
  now(): number;
  /** Calls back once; the returned function takes it back. */
  after(ms: number, callback: () => void): () => void;
}

export type CreateVideo = components["schemas"]["CreateVideoIn"];
/** `upload` is null once the video is past `uploading` (an old idempotency key). */
export type CreatedUpload = components["schemas"]["CreatedUploadOut"];
export type SignedParts = components["schemas"]["SignedPartsOut"];
export type PartMd5 = components["schemas"]["CompleteUploadIn"]["parts"][number];

/** The API's part of the conversation. Every call either answers or throws an ApiFailure. */
export interface UploadApi {
  create(request: CreateVideo, idempotencyKey: string, signal: AbortSignal): Promise<CreatedUpload>;
  sign(videoId: string, partNumbers: readonly number[], signal: AbortSignal): Promise<SignedParts>;
  /** A Video whose status still is `completing` means: ask again. */
  complete(videoId: string, proof: readonly PartMd5[], signal: AbortSignal): Promise<Video>;
  remove(videoId: string, signal: AbortSignal): Promise<void>;
  /** Sent while the page goes away: nobody waits for the answer. */
  removeOnUnload(videoId: string): void;
  /** How a try went, for the server's metrics: sent at its end, without what was reported before; lost without harm. */
  report(telemetry: UploadTelemetry): void;
}

export interface PartRequest {
  readonly url: string;
  readonly body: Blob;
  /** Base64, for the Content-MD5 header; null sends none. */
  readonly contentMd5: string | null;
  readonly signal: AbortSignal;
  /** Bytes of the body handed to the network so far. */
  readonly onProgress: (loaded: number) => void;
  /** The whole body is handed over; only the answer is missing. */
  readonly onBodySent: () => void;
}

/** Never a rejection: a part's request always ends in one of these. */
export interface PartAnswer {
  /** 0: no answer, because the connection broke or the signal aborted. */
  readonly status: number;
  readonly storeCode: string | null;
  readonly retryAfterSeconds: number | null;
}

export const NO_ANSWER: PartAnswer = { status: 0, storeCode: null, retryAfterSeconds: null };

export interface PartTransport {
  put(request: PartRequest): Promise<PartAnswer>;
}

export type PartHash =
  | { readonly kind: "md5"; readonly hex: string }
  /** No worker, no WebAssembly, or the caller stopped: the part goes without a hash. */
  | { readonly kind: "unavailable" }
  /** The file could not be read. */
  | { readonly kind: "unreadable" };

export interface PartHasher {
  md5(slice: Blob, signal: AbortSignal): Promise<PartHash>;
  /** Somebody is about to choose a file: what takes time to start is started. */
  warmUp(): void;
  /** Gives back what it holds (a worker); it may be used again. */
  release(): void;
}

export interface Network {
  isOnline(): boolean;
  subscribe(listener: (online: boolean) => void): () => void;
}

export interface Guards {
  /** Asks before the page is left and keeps the screen awake, until the returned function is called. */
  hold(): () => void;
  /** Calls when the page goes away for good (not into the back/forward cache). */
  onPageGone(listener: () => void): () => void;
}

export interface UploaderPorts {
  readonly api: UploadApi;
  readonly transport: PartTransport;
  readonly hasher: PartHasher;
  readonly clock: Clock;
  readonly network: Network;
  readonly guards: Guards;
  /** Uniform in [0, 1): the jitter. */
  readonly random: () => number;
  readonly newId: () => string;
  /** Named in the failure report. */
  readonly browser: string;
}

export interface UploaderOptions {
  /** The page's own origin: a store on another one leaves all of the browser's connections to the parts. */
  readonly pageOrigin?: string;
  /** Parts in flight at most; without it 6, or 4 where the store shares the page's origin. */
  readonly maxConcurrency?: number;
  /** False sends no Content-MD5 and no proof: for measurements only. */
  readonly integrity?: boolean;
}
