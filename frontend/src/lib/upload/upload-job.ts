// The state of an upload that outlives a failed run, so that a retry continues where it stopped.
import { ApiFailure } from "./rules/errors";
import type { PartList } from "./rules/part-list";
import type { UploadLog } from "./upload-log";

export interface OpenUpload {
  readonly videoId: string;
  readonly parts: PartList;
}

export interface UploadJob {
  readonly file: File;
  /** As the server stores it. The check of the content adds a missing extension. */
  name: string;
  /** When the file was chosen. WebKit's File shows the time on disk. */
  readonly lastModified: number;
  readonly log: UploadLog;
  idempotencyKey: string;
  /** A create request may have been carried out without an answer, so there may be a video. */
  isCreateUnconfirmed: boolean;
  /** The same of a complete request. The video may be complete, so only the user may remove it. */
  isCompleteUnconfirmed: boolean;
  upload: OpenUpload | null;
  /** The store lost an upload of this file once, and the next one began by itself. */
  isRestarted: boolean;
  /** How long parts were sent, in all runs. */
  sendingMs: number;
}

/** The store has every part, and the API may have completed the upload. */
export function mayBeComplete({ isCompleteUnconfirmed, upload }: UploadJob): boolean {
  return isCompleteUnconfirmed && upload?.parts.unfinished.length === 0;
}

/** The next attempt starts from the beginning, under a key of its own. */
export function forgetUpload(job: UploadJob, newId: () => string): void {
  job.upload = null;
  job.isCompleteUnconfirmed = false;
  job.idempotencyKey = newId();
}

/** A refusal speaks for its own request alone. An earlier request without an answer stays unconfirmed. */
export async function trackAnswer<T>(
  job: UploadJob,
  flag: "isCreateUnconfirmed" | "isCompleteUnconfirmed",
  request: () => Promise<T>,
): Promise<T> {
  const before = job[flag];
  job[flag] = true;
  try {
    return await request();
  } catch (reason) {
    if (reason instanceof ApiFailure && reason.status >= 400 && reason.status < 500) job[flag] = before;
    throw reason;
  }
}
