// Checks the content of the chosen file, and whether the file has changed since.
import { checkContent, checkFile } from "./rules/check-file";
import { fileChanged, fileUnreadable, UploadFailed } from "./rules/errors";
import { plannedPartSize } from "./rules/part-list";
import { SNIFF_BYTES } from "./rules/sniff";
import type { RunContext } from "./run-context";
import type { UploadFailure } from "./types";

/** Throws UploadFailed if Slipway does not accept the file. */
export async function checkChosenFile({ hashes, job, policy, signal }: RunContext): Promise<void> {
  const { file, upload } = job;
  const rejection = checkFile(file, policy);
  if (rejection !== null) throw new UploadFailed(rejection);
  // The first part's MD5 is computed while the API creates the video, so that its first byte need not wait.
  if (upload === null) {
    const end = Math.min(file.size, plannedPartSize(file.size, policy.part_plan));
    hashes?.prepare({ start: 0, end });
  }
  const leading = await read(file, 0, SNIFF_BYTES, upload === null ? fileUnreadable : changed);
  signal.throwIfAborted();
  const mismatch = checkContent(file, leading, policy);
  if (mismatch !== null) throw new UploadFailed(mismatch);
}

/**
 * Throws UploadFailed if the file has changed since it was chosen, or these bytes cannot be read. Browsers refuse to
 * read a file whose size or time on disk has changed, so one byte shows it.
 */
export async function verifyFile(file: File, { start, end } = { start: 0, end: 1 }): Promise<void> {
  await read(file, start, end, changed);
}

async function read(
  file: File,
  start: number,
  end: number,
  failure: (name: string, reason?: unknown) => UploadFailure,
): Promise<Uint8Array> {
  const slice = file.slice(start, end);
  const bytes = await slice.arrayBuffer().catch((reason: unknown) => {
    throw new UploadFailed(failure(file.name, reason));
  });
  if (bytes.byteLength !== slice.size) throw new UploadFailed(failure(file.name));
  return new Uint8Array(bytes);
}

function changed(name: string, reason?: unknown): UploadFailure {
  const isGone = reason instanceof Error && reason.name === "NotFoundError";
  return isGone ? fileUnreadable(name) : fileChanged(name);
}
