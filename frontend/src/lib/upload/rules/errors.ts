// Why requests and uploads fail, and the sentences that people read.
import type { UploadFailure, UploadFailureCode } from "../types";
import { isTransient } from "./retry";

/** The fields of the API's errors. */
export interface ErrorFacts {
  readonly detail?: string;
  readonly request_id?: string | null;
  readonly status?: string;
  readonly missing?: readonly number[];
  readonly mismatched?: readonly number[];
  readonly open_video_ids?: readonly string[];
}

/** The API refused or did not answer. Status 0 is a broken connection or a call that took too long. */
export class ApiFailure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly facts: ErrorFacts = {},
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(code);
  }
}

/** Ends the upload with this reason. */
export class UploadFailed extends Error {
  constructor(readonly failure: UploadFailure) {
    super(failure.code);
  }
}

/** The store no longer has the upload, for example because of a lifecycle rule, and it cannot be completed. */
export class UploadLost extends UploadFailed {
  constructor() {
    const detail = "The storage no longer has this upload. Try again to send it from the start.";
    super(uploadFailure("storage_refused", detail, true));
  }
}

/** The video is completing, or further. */
export function isPastSending(reason: unknown): boolean {
  return (
    reason instanceof ApiFailure &&
    reason.code === "wrong_state" &&
    ["completing", "processing", "ready", "failed"].includes(reason.facts.status ?? "")
  );
}

/** The video is deleted, expired or about to be. */
export function isGone(reason: unknown): boolean {
  return (
    reason instanceof ApiFailure &&
    (reason.code === "video_not_found" || (reason.code === "wrong_state" && !isPastSending(reason)))
  );
}

export function uploadFailure(
  code: UploadFailureCode,
  detail: string,
  retryable = false,
  requestId: string | null = null,
  openVideoIds: readonly string[] = [],
): UploadFailure {
  return { code, detail, retryable, requestId, openVideoIds };
}

/** The API's codes that the page handles. After a retryable one the same file may be tried again. */
const RETRYABLE_CODES: readonly string[] = [
  "quota_exceeded",
  "too_many_uploads",
] satisfies UploadFailureCode[];
const FINAL_CODES: readonly string[] = [
  "file_empty",
  "file_too_large",
  "filename_invalid",
  "unsupported_container",
  "content_type_mismatch",
] satisfies UploadFailureCode[];

export function fromApi({ code, facts, status }: ApiFailure): UploadFailure {
  const { detail = "", open_video_ids, request_id } = facts;
  const retryable = RETRYABLE_CODES.includes(code);
  if (code === "video_not_found" || code === "wrong_state") {
    const gone = "This upload was deleted or has expired. Try again to send it from the start.";
    return uploadFailure(code, gone, true, request_id);
  }
  // A proxy's page says nothing about the upload.
  if (code === "unreadable_answer" || isTransient(status))
    return networkFailure("Slipway", status, request_id);
  const isKnown = retryable || FINAL_CODES.includes(code);
  const shown = isKnown ? (code as UploadFailureCode) : "rejected";
  return uploadFailure(shown, detail, retryable, request_id, open_video_ids);
}

/** The server did not answer well for so long that the engine stopped asking. */
export function networkFailure(
  server: "Slipway" | "The storage",
  status: number,
  requestId: string | null = null,
): UploadFailure {
  const what = status === 0 ? "can't be reached" : `keeps answering with an error (${status})`;
  return uploadFailure(
    "network",
    `${server} ${what}. Check your connection and try again. The upload continues where it stopped.`,
    true,
    requestId,
  );
}

export function stillCompleting(): UploadFailure {
  return uploadFailure(
    "network",
    "Your file is uploaded, but processing is taking longer than usual. Try again in a few minutes.",
    true,
  );
}

/** Parts don't reach the storage. A proxy may answer 413 so that the page cannot read it. */
export function blocked(code: "storage_blocked" | "request_too_large", by?: string): UploadFailure {
  const why =
    code === "request_too_large"
      ? "A proxy or security program seems to limit the size of requests to"
      : `${by ?? "An extension, a company network or a CORS rule"} seems to block`;
  return uploadFailure(
    code,
    `${why} the storage. Try another browser or network, or tell the operator.`,
    true,
  );
}

export function storeRefusal(status: number, storeCode: string | null): UploadFailure {
  if (status === 413) return blocked("request_too_large");
  return uploadFailure(
    "storage_refused",
    `The storage refused a part of the file (${storeCode ?? `status ${status}`}). Try again. If it fails again, send the report to support.`,
    true,
  );
}

export function dataCorrupted(): UploadFailure {
  return uploadFailure(
    "storage_refused",
    "A part of the file keeps arriving damaged, or a program rewrites the file. Try again on another network, without a proxy or a virus scanner.",
    true,
  );
}

export function unexpected(name: string): UploadFailure {
  return uploadFailure(
    "rejected",
    `Something went wrong in this page (${name}). Try again. If it fails again, send the report to support.`,
    true,
  );
}

export function fileChanged(name: string): UploadFailure {
  return uploadFailure(
    "file_changed",
    `${shownName(name)} changed on your disk during the upload. Wait until no program writes to it, then choose it again.`,
  );
}

export function fileUnreadable(name: string): UploadFailure {
  return uploadFailure(
    "file_unreadable",
    `${shownName(name)} can't be read. Its drive may be away, or a program moved, deleted or rewrote it. Put it back and try again, or choose it again.`,
    true,
  );
}

/** A file name for a sentence, shortened and without the control and direction marks that could reverse the text. */
export function shownName(name: string): string {
  const plain =
    name.replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "").trim() || "The file";
  const letters = [...plain];
  return letters.length <= 64 ? plain : `${letters.slice(0, 40).join("")}…${letters.slice(-20).join("")}`;
}
