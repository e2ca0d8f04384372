// The values that the engine and the page exchange.
import type { components } from "../api/schema";
import type { Look } from "./rules/sniff";

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
  | {
      readonly reason: "retrying";
      readonly attempt: number;
      readonly resumesInMs: number;
      readonly cause: RetryCause;
    }
  /** `why` is what probably keeps parts from the storage. */
  | { readonly reason: "blocked"; readonly why: FailureReason }
  /** The file cannot be read at the moment. */
  | { readonly reason: "file" }
  | { readonly reason: "signed_out" };

/** No answer at all, an answer of the storage, or the code of the API's answer. */
export type RetryCause = "no_answer" | "storage" | ApiCode | "unreadable_answer";
type ApiCode = components["schemas"]["ErrorOut"]["code"];

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
      /** The API may have completed the upload. The video then stays unless the person deletes it. */
      readonly mayBeComplete: boolean;
    }
  | { readonly status: "aborted"; readonly file: FileFacts };

/** What the page makes the sentence from. `name` is the file's, shortened, and empty if nothing of it can be shown. */
export type FailureReason =
  | { readonly kind: "name_has_controls" }
  | { readonly kind: "name_too_long"; readonly name: string; readonly length: number; readonly limit: number }
  | {
      readonly kind: "extension_unknown";
      readonly name: string;
      readonly extension: string;
      readonly accepted: readonly AcceptedContainer[];
    }
  | { readonly kind: "file_empty"; readonly name: string }
  | {
      readonly kind: "file_too_large";
      readonly name: string;
      readonly sizeBytes: number;
      readonly limitBytes: number;
    }
  | {
      readonly kind: "no_video";
      readonly name: string;
      readonly looksLike: Look;
      readonly accepted: readonly AcceptedContainer[];
    }
  | {
      readonly kind: "named_otherwise";
      readonly name: string;
      readonly extension: string;
      readonly container: string;
      readonly rightExtension: string;
    }
  | { readonly kind: "file_changed" | "file_unreadable"; readonly name: string }
  /** `code` is one of the API, or of a newer API. */
  | {
      readonly kind: "api";
      readonly code: string;
      readonly status: number;
      readonly facts: object;
      readonly retryAfterSeconds: number | null;
    }
  /** No answer (status 0), or answers that say nothing but their status. */
  | { readonly kind: "unreachable"; readonly server: "slipway" | "storage"; readonly status: number }
  | {
      readonly kind:
        | "still_completing"
        | "upload_gone"
        | "upload_lost"
        | "request_too_large"
        | "data_damaged";
    }
  /** `by` is what blocks, if it is known. */
  | { readonly kind: "storage_blocked"; readonly by: string | null }
  | { readonly kind: "storage_refused"; readonly status: number; readonly storeCode: string | null }
  | { readonly kind: "page_failed"; readonly error: string };

interface AcceptedContainer {
  readonly container: string;
  readonly extensions: readonly string[];
}

/** Why an upload failed. `code` is the API's or the engine's. `retryable` says whether the file may be tried again. */
export interface UploadFailure {
  readonly code: UploadFailureCode;
  readonly reason: FailureReason;
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
  | "installation_full"
  | "too_many_uploads"
  | "too_many_videos"
  | "video_not_found"
  | "wrong_state"
  | "rejected"
  // the network or the store
  | "network"
  | "storage_refused"
  | "storage_blocked"
  | "request_too_large";
