// Why requests and uploads fail. The page makes the sentences that people read.
import type { FailureReason, UploadFailure, UploadFailureCode } from "../types";
import { isTransient } from "./retry";

/** The fields of the API's errors. */
export interface ErrorFacts {
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
    super(uploadFailure("storage_refused", { kind: "upload_lost" }, true));
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
  reason: FailureReason,
  retryable = false,
  requestId: string | null = null,
  openVideoIds: readonly string[] = [],
): UploadFailure {
  return { code, reason, retryable, requestId, openVideoIds };
}

/** The API's codes that the page handles. After a retryable one the same file may be tried again. */
const RETRYABLE_CODES: readonly string[] = [
  "quota_exceeded",
  "installation_full",
  "too_many_uploads",
  "too_many_videos",
] satisfies UploadFailureCode[];
const FINAL_CODES: readonly string[] = [
  "file_empty",
  "file_too_large",
  "filename_invalid",
  "unsupported_container",
  "content_type_mismatch",
] satisfies UploadFailureCode[];

export function fromApi({ code, facts, retryAfterSeconds, status }: ApiFailure): UploadFailure {
  const { open_video_ids, request_id } = facts;
  if (code === "video_not_found" || code === "wrong_state")
    return uploadFailure(code, { kind: "upload_gone" }, true, request_id);
  // A proxy's page says nothing about the upload.
  if (status === 0 || code === "unreadable_answer") return networkFailure("slipway", status, request_id);
  const reason = { kind: "api", code, status, facts, retryAfterSeconds } as const;
  if (isTransient(status)) return uploadFailure("network", reason, true, request_id);
  const retryable = RETRYABLE_CODES.includes(code);
  const isKnown = retryable || FINAL_CODES.includes(code);
  const shown = isKnown ? (code as UploadFailureCode) : "rejected";
  return uploadFailure(shown, reason, retryable, request_id, open_video_ids);
}

/** The server did not answer well for so long that the engine stopped asking. */
export function networkFailure(
  server: "slipway" | "storage",
  status: number,
  requestId: string | null = null,
): UploadFailure {
  return uploadFailure("network", { kind: "unreachable", server, status }, true, requestId);
}

export function stillCompleting(): UploadFailure {
  return uploadFailure("network", { kind: "still_completing" }, true);
}

/** Parts don't reach the storage. A proxy may answer 413 so that the page cannot read it. */
export function blocked(
  code: "storage_blocked" | "request_too_large",
  by: string | null = null,
): UploadFailure {
  return uploadFailure(code, code === "storage_blocked" ? { kind: code, by } : { kind: code }, true);
}

export function storeRefusal(status: number, storeCode: string | null): UploadFailure {
  if (status === 413) return blocked("request_too_large");
  return uploadFailure("storage_refused", { kind: "storage_refused", status, storeCode }, true);
}

export function dataCorrupted(): UploadFailure {
  return uploadFailure("storage_refused", { kind: "data_damaged" }, true);
}

export function unexpected(error: string): UploadFailure {
  return uploadFailure("rejected", { kind: "page_failed", error }, true);
}

export function fileChanged(name: string): UploadFailure {
  return uploadFailure("file_changed", { kind: "file_changed", name: shownName(name) });
}

export function fileUnreadable(name: string): UploadFailure {
  return uploadFailure("file_unreadable", { kind: "file_unreadable", name: shownName(name) }, true);
}

/** A file name for a sentence, shortened and without the control and direction marks that could reverse the text. */
export function shownName(name: string): string {
  const plain = name.replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "").trim();
  const letters = [...plain];
  return letters.length <= 64 ? plain : `${letters.slice(0, 40).join("")}…${letters.slice(-20).join("")}`;
}
