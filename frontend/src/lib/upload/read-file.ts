// Checks the content of the chosen file, and whether the file has changed since.
import { within } from "./delays";
import { checkContent, checkFile, completeName } from "./rules/check-file";
import { fileChanged, fileUnreadable, UploadFailed } from "./rules/errors";
import { plannedPartSize } from "./rules/part-list";
import { SNIFF_BYTES } from "./rules/sniff";
import type { RunContext } from "./run-context";

/** A network drive or a sync client may refuse a file for a moment, so one refused read proves nothing. */
const READ_ATTEMPTS = 3;
const READ_AGAIN_MS = 1000;
/** A read that takes longer may never end (measured in Chromium). Four parts may share a disk that reads 1 MB/s. */
const READ_LIMIT_MS = 10_000;
const MIN_BYTES_PER_MS = 250;

/** Completes the name. Throws UploadFailed if Slipway does not accept the file. */
export async function checkChosenFile(context: RunContext): Promise<void> {
  const { hashes, job, policy, ports, signal } = context;
  const { file, upload } = job;
  const rejection = checkFile(file, policy);
  if (rejection !== null) throw new UploadFailed(rejection);
  // The first part's MD5 is computed while the API creates the video, so that its first byte need not wait.
  if (upload === null && !ports.bodyMode.readsBodies) {
    const end = Math.min(file.size, plannedPartSize(file.size, policy.part_plan));
    hashes?.prepare({ start: 0, end });
  }
  const leading = await readFile(context, 0, Math.min(file.size, SNIFF_BYTES));
  signal.throwIfAborted();
  if (leading === null) throw new UploadFailed(fileUnreadable(file.name));
  const mismatch = checkContent(file, leading, policy);
  if (mismatch !== null) throw new UploadFailed(mismatch);
  job.name = completeName(file.name, leading, policy);
}

/**
 * Throws UploadFailed if the file has changed since it was chosen or cannot be read. Chromium and WebKit
 * refuse to read a file whose size or time on disk has changed. Firefox returns fewer bytes from a file that got shorter.
 */
export async function verifyFile(context: RunContext): Promise<void> {
  const { size } = context.job.file;
  await readFile(context, size - 1, size);
}

/** Returns null if no read ended in time. That says nothing about the file. */
export async function readFile(
  context: RunContext,
  start: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const { delays, job, signal } = context;
  const { file } = job;
  const { lastModified } = file;
  for (let attempt = 1; ; attempt += 1) {
    const bytes = await readOnce(context, start, end);
    signal.throwIfAborted();
    if (bytes instanceof Uint8Array && bytes.length === end - start) return bytes;
    if (attempt < READ_ATTEMPTS) {
      await delays.wait(READ_AGAIN_MS, signal);
      continue;
    }
    if (bytes === null) return null;
    if (bytes instanceof Uint8Array) throw new UploadFailed(fileChanged(file.name));
    const isChanged = await hasChanged(context, bytes, lastModified);
    throw new UploadFailed((isChanged ? fileChanged : fileUnreadable)(file.name));
  }
}

/** Tells a changed file from one that cannot be read. `lastModified` is the file's time before its reads. */
async function hasChanged(context: RunContext, error: string, lastModified: number): Promise<boolean> {
  const { file, lastModified: chosenAt, upload } = context.job;
  // The File API calls a changed file not readable. On a damaged disk the first byte can still be read.
  if (error === "NotReadableError") return upload !== null && (await readOnce(context, 0, 1)) === error;
  // WebKit does not find a changed file, but shows its new time. The time of a deleted file is always now.
  return file.lastModified !== chosenAt && file.lastModified === lastModified;
}

/** Returns the bytes, the name of the browser's error, or null if the read did not end in time. */
async function readOnce(context: RunContext, start: number, end: number) {
  const bytes = context.job.file.slice(start, end).arrayBuffer();
  const read = bytes.then(
    (buffer) => new Uint8Array(buffer),
    (reason: unknown) => String(reason instanceof Error && reason.name),
  );
  return within(context, READ_LIMIT_MS + (end - start) / MIN_BYTES_PER_MS, read);
}
