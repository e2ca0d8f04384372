// The values the engine and its caller exchange: what an upload is doing, how far it is, why it ended.
import type { components } from "../api/schema";

export type Video = components["schemas"]["VideoOut"];
export type UploadPolicy = components["schemas"]["UploadPolicyOut"];
export type UploadTelemetry = components["schemas"]["UploadTelemetryIn"];

/** What the engine knows about the chosen file without reading it. */
export interface FileFacts {
  readonly name: string;
  readonly sizeBytes: number;
}

/** How far the bytes are. Never runs backwards while one upload lasts. */
export interface Progress {
  readonly bytesSent: number;
  readonly bytesTotal: number;
  /** Whole percent, at most 99 until the server has answered complete. */
  readonly percent: number;
  /** Smoothed; null until there is enough to say. */
  readonly bytesPerSecond: number | null;
  /** Smoothed and rounded for people; null until known. */
  readonly etaSeconds: number | null;
}

/** Why nothing moves at this moment, although nothing has failed for good. */
export type Waiting =
  | { readonly reason: "offline" }
  /** `attempt`: the one that comes; the first never waits. */
  | { readonly reason: "retrying"; readonly attempt: number; readonly resumesInMs: number }
  | { readonly reason: "signed_out" };

/** One upload is in exactly one of these. Terminal: done, failed, aborted. */
export type UploadState =
  | { readonly status: "idle" }
  | { readonly status: "checking"; readonly file: FileFacts }
  | { readonly status: "starting"; readonly file: FileFacts; readonly waiting: Waiting | null }
  | {
      readonly status: "sending";
      readonly file: FileFacts;
      readonly videoId: string;
      readonly progress: Progress;
      readonly waiting: Waiting | null;
    }
  | {
      readonly status: "assembling";
      readonly file: FileFacts;
      readonly videoId: string;
      readonly progress: Progress;
      readonly waiting: Waiting | null;
    }
  | { readonly status: "done"; readonly file: FileFacts; readonly video: Video }
  | {
      readonly status: "failed";
      readonly file: FileFacts;
      readonly videoId: string | null;
      readonly error: UploadFailure;
    }
  | { readonly status: "aborted"; readonly file: FileFacts };

/**
 * Why an upload failed: `code` for programs (the API's own codes where the API said no, else the engine's),
 * `detail` a sentence for people that says what to do, `retryable` whether the same file may be tried again.
 */
export interface UploadFailure {
  readonly code: UploadFailureCode;
  readonly detail: string;
  readonly retryable: boolean;
  /** The API's request id, when the API answered. */
  readonly requestId: string | null;
  /** The ids of this user's open uploads, with `too_many_uploads`. */
  readonly openVideoIds: readonly string[];
}

export type UploadFailureCode =
  // found in the page, before anything was sent
  | "file_empty"
  | "file_too_large"
  | "filename_invalid"
  | "unsupported_container"
  | "content_type_mismatch"
  | "file_unreadable"
  | "file_changed"
  // said by the API
  | "quota_exceeded"
  | "too_many_uploads"
  | "video_not_found"
  | "wrong_state"
  | "rejected"
  // the network or the store
  | "network"
  | "storage_refused";
