// Checks the content of the chosen file, and whether the file has changed since.
import { within } from "./delays";
import { checkContent, checkFile, completeName } from "./rules/check-file";
import { fileChanged, fileUnreadable, UploadFailed } from "./rules/errors";
import { plannedPartSize } from "./rules/part-list";
import { SNIFF_BYTES } from "./rules/sniff";
import type { RunContext } from "./run-context";

/** A network drive, a USB disk or a sync client may refuse a file for some seconds. Then the user tries again. */
const REFUSED_ATTEMPTS = 11;
const READ_AGAIN_MS = 1000;
const LATE_ATTEMPTS = 3;
/** Of the first read. A disk has to start, or a cloud service has to fetch the file. */
const FIRST_LATE_ATTEMPTS = 12;
/** A read that takes longer may never end (measured in Chromium). Four parts may share a disk that reads 1 MB/s. */
const READ_LIMIT_MS = 10_000;
const MIN_BYTES_PER_MS = 250;
const PIECE_BYTES = 1024 * 1024;

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
  const leading = await readFile(context, 0, Math.min(file.size, SNIFF_BYTES), FIRST_LATE_ATTEMPTS);
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
export async function verifyFile(context: RunContext) {
  const { size } = context.job.file;
  return readFile(context, size - 1, size);
}

/** Returns null if no read ended in time. That says nothing about the file. */
export async function readFile(
  context: RunContext,
  start: number,
  end: number,
  lateAttempts = LATE_ATTEMPTS,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const { delays, job, signal, waits } = context;
  const { file, lastModified: chosenAt } = job;
  const { lastModified } = file;
  for (let attempt = 1; ; attempt += 1) {
    const bytes = await readOnce(context, start, end);
    signal.throwIfAborted();
    const isShort = bytes instanceof Uint8Array && bytes.length < end - start;
    if (bytes instanceof Uint8Array && !isShort) return bytes;
    if (attempt < (bytes === null ? lateAttempts : REFUSED_ATTEMPTS)) {
      await waits.during("file", delays.wait(READ_AGAIN_MS, signal));
      continue;
    }
    if (bytes === null) return null;
    // Chromium calls a changed file not readable, as it does one on a drive that is away. WebKit does not find a changed
    // file, but shows its new time. The time of a file that is gone is always now.
    const isChanged = isShort || (file.lastModified !== chosenAt && file.lastModified === lastModified);
    throw new UploadFailed((isChanged ? fileChanged : fileUnreadable)(file.name));
  }
}

/** Throws as `readFile` does, and keeps no bytes, because six whole parts at once would take 96 MiB. */
export async function readThrough(context: RunContext, start: number, end: number): Promise<null> {
  for (let at = start; at < end; at += PIECE_BYTES)
    if ((await readFile(context, at, Math.min(end, at + PIECE_BYTES))) === null) break;
  return null;
}

/** Returns the bytes, the name of the browser's error, or null if the read did not end in time. */
export async function readOnce(
  { clock, job, signal }: RunContext,
  start: number,
  end: number,
  limitMs = READ_LIMIT_MS,
) {
  const bytes = job.file.slice(start, end).arrayBuffer();
  const read = bytes.then(
    (buffer) => new Uint8Array(buffer),
    (reason: unknown) => String(reason instanceof Error && reason.name),
  );
  return within({ clock, signal }, limitMs + (end - start) / MIN_BYTES_PER_MS, read);
}
