// Why things fail: the API's refusals, the engine's verdicts, and the sentences people read.

import type { UploadFailure, UploadFailureCode } from "../types";
import { mayPass } from "./retry";

/** The API said no, or nothing: status 0 is a connection that broke or a call that took too long. */
export class ApiFailure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly requestId: string | null = null,
    readonly retryAfterSeconds: number | null = null,
    /** What the error says besides: `missing`, `status`, `open_video_ids`, ... */
    readonly facts: Readonly<Record<string, unknown>> = {},
  ) {
    super(code);
  }
}

/** Carries a final verdict through the engine to the one place that ends the upload. */
export class UploadFailed extends Error {
  constructor(readonly failure: UploadFailure) {
    super(failure.code);
  }
}

export function uploadFailure(
  code: UploadFailureCode,
  detail: string,
  more: Partial<Omit<UploadFailure, "code" | "detail">> = {},
): UploadFailure {
  return { code, detail, retryable: false, requestId: null, openVideoIds: [], ...more };
}

/** Codes of the API that the page has its own words or buttons for; the value: may the same file try again? */
const API_CODES: ReadonlyMap<string, boolean> = new Map<UploadFailureCode, boolean>([
  ["file_empty", false],
  ["file_too_large", false],
  ["filename_invalid", false],
  ["unsupported_container", false],
  ["content_type_mismatch", false],
  ["quota_exceeded", true],
  ["too_many_uploads", true],
  ["video_not_found", true],
  ["wrong_state", true],
]);

const GONE =
  "Slipway no longer has this upload: it was deleted or has expired. Try again to send it from the start.";

export function fromApi(failure: ApiFailure): UploadFailure {
  const retryable = API_CODES.get(failure.code);
  // A key of that map is a code of the page.
  const code = retryable === undefined ? "rejected" : (failure.code as UploadFailureCode);
  const more = {
    retryable: retryable === true,
    requestId: failure.requestId,
    openVideoIds: openVideoIds(failure),
  };
  if (code === "video_not_found" || code === "wrong_state") return uploadFailure(code, GONE, more);
  // A page of something between here and the API (a proxy, a server being deployed) is no verdict on the upload.
  if (failure.code === "unreadable_answer" || mayPass(failure.status))
    return networkFailure("Slipway", failure.status, failure.requestId);
  return uploadFailure(code, failure.detail, more);
}

/** `who` did not answer well for so long that the engine stopped asking. */
export function networkFailure(
  who: "Slipway" | "The storage",
  status: number,
  requestId: string | null = null,
): UploadFailure {
  const what = status === 0 ? "cannot be reached" : `keeps answering with an error (${status})`;
  return uploadFailure(
    "network",
    `${who} ${what}. Check your connection and try again: it goes on where it stopped.`,
    { retryable: true, requestId },
  );
}

export function stillAssembling(): UploadFailure {
  return uploadFailure(
    "network",
    "All is sent, but Slipway needs very long to put the video together. Try again in a few minutes: nothing is sent twice.",
    { retryable: true },
  );
}

export function storeRefusal(status: number, storeCode: string | null): UploadFailure {
  return uploadFailure(
    "storage_refused",
    `The storage refused a part of the file (${storeCode ?? `status ${status}`}). Try again; if it happens again, copy the report and send it to support.`,
    { retryable: true },
  );
}

export function damagedOnTheWay(): UploadFailure {
  return uploadFailure(
    "storage_refused",
    "A part of the file keeps arriving damaged. A proxy, a virus scanner or a bad line may change it on the way: try again on another network.",
    { retryable: true },
  );
}

export function fileChanged(name: string): UploadFailure {
  return uploadFailure(
    "file_changed",
    `${shownName(name)} changed on your disk while it was being sent. Wait until nothing writes to it, then choose it again.`,
  );
}

export function fileUnreadable(name: string): UploadFailure {
  return uploadFailure(
    "file_unreadable",
    `${shownName(name)} cannot be read. It may have been moved, renamed or be open in another program: choose it again.`,
  );
}

/** A file name inside a sentence: no control or direction marks that could turn the sentence round, not too long. */
export function shownName(name: string): string {
  const plain =
    name.replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "").trim() || "The file";
  const letters = [...plain];
  return letters.length <= 64 ? plain : `${letters.slice(0, 40).join("")}…${letters.slice(-20).join("")}`;
}

function openVideoIds(failure: ApiFailure): readonly string[] {
  const ids = failure.facts.open_video_ids;
  return Array.isArray(ids) ? ids.filter((id): id is string => typeof id === "string") : [];
}
