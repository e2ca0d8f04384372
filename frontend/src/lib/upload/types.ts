// The values that the engine and the page exchange.
import type { components } from "../api/schema";

export type Video = components["schemas"]["VideoOut"];
export type UploadPolicy = components["schemas"]["UploadPolicyOut"];
export type UploadTelemetry = components["schemas"]["UploadTelemetryIn"];

/** What the engine knows about the chosen file without reading it. */
export interface FileFacts {
  readonly name: string;
  readonly sizeBytes: number;
}

/** Bytes and percent never run backwards during an upload. */
export interface Progress {
  readonly bytesSent: number;
  readonly bytesTotal: number;
  /** Whole percent, at most 99 until the server has answered complete. */
  readonly percent: number;
  /** Smoothed. Null until it is known. */
  readonly bytesPerSecond: number | null;
  /** Smoothed and rounded for people. Null until it is known. */
  readonly etaSeconds: number | null;
}

/** Why nothing moves, although nothing has failed for good. */
export type Waiting =
  | { readonly reason: "offline" }
  /** `attempt`: the number of the next attempt, so at least 2. */
  | { readonly reason: "retrying"; readonly attempt: number; readonly resumesInMs: number }
  /** `detail` says for people what probably keeps parts from the storage. */
  | { readonly reason: "blocked"; readonly detail: string }
  /** The file cannot be read at the moment. */
  | { readonly reason: "file" }
  | { readonly reason: "signed_out" };

/** The terminal states are done, failed and aborted. */
export type UploadState =
  | { readonly status: "idle" }
  | { readonly status: "checking"; readonly file: FileFacts }
  | { readonly status: "starting"; readonly file: FileFacts; readonly waiting: Waiting | null }
  | {
      readonly status: "sending" | "assembling";
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
 * Why an upload failed. `code` is the API's code or one of the engine. `detail` is for people. `retryable` says whether
 * the same file may be tried again.
 */
export interface UploadFailure {
  readonly code: UploadFailureCode;
  readonly detail: string;
  readonly retryable: boolean;
  /** The API's request id, if the API answered. */
  readonly requestId: string | null;
  /** The ids of this user's open uploads, with `too_many_uploads`. */
  readonly openVideoIds: readonly string[];
}

export type UploadFailureCode =
  // found before anything is sent
  | "file_empty"
  | "file_too_large"
  | "filename_invalid"
  | "unsupported_container"
  | "content_type_mismatch"
  | "file_unreadable"
  | "file_changed"
  // from the API
  | "quota_exceeded"
  | "too_many_uploads"
  | "video_not_found"
  | "wrong_state"
  | "rejected"
  // the network or the store
  | "network"
  | "storage_refused"
  | "storage_blocked"
  | "request_too_large";
