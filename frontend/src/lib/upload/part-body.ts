// Computes the MD5 of a part, reads its body where needed, and finds out whether the file changed in the meantime.
import { linkedController, within } from "./delays";
import { type HashAhead, PARTS_AHEAD } from "./hash-ahead";
import type { PartBody } from "./ports";
import { readFile, readOnce, verifyFile } from "./read-file";
import { fileChanged, UploadFailed } from "./rules/errors";
import { needsMd5, type Part } from "./rules/part-list";
import type { RunContext } from "./run-context";

const MAX_BODIES = 4;
const MAX_BODY_BYTES = 64 * 1024 * 1024;
/** What one read and one part may take beyond the limit of the recheck. */
const RECHECK_GRACE_MS = 3000;

/** How many bodies of this size may be in memory at once. */
export function maxBodies(partSizeBytes: number): number {
  return Math.max(1, Math.min(MAX_BODIES, Math.floor(MAX_BODY_BYTES / partSizeBytes)));
}

/** `next` are the parts whose MD5s are computed ahead. A part is sent without MD5 if none can be computed. */
export async function prepareBody(
  context: RunContext,
  part: Part,
  next: readonly Part[],
  readsBody: boolean,
): Promise<PartBody> {
  const { hashes, job } = context;
  const slice = job.file.slice(part.start, part.end);
  if (readsBody) {
    const hashed = hashes === null ? null : await updateMd5(context, hashes, part, true);
    return hashed ?? (await readFile(context, part.start, part.end)) ?? slice;
  }
  if (hashes !== null && needsMd5(part)) {
    const hashed = updateMd5(context, hashes, part);
    for (const ahead of next.slice(0, PARTS_AHEAD)) if (needsMd5(ahead)) hashes.prepare(ahead);
    await hashed;
  }
  return slice;
}

/**
 * Throws UploadFailed if the file no longer matches what was sent. No browser notices a file that was overwritten and
 * kept its size and time, and Firefox notices no new time. So parts are hashed again, the first ones first, because
 * they were sent the longest time ago. After `limitMs` no further part is hashed.
 */
export async function recheckFile(
  context: RunContext,
  parts: readonly Part[],
  limitMs: number,
): Promise<void> {
  const { size } = context.job.file;
  // A disk or a worker that hangs must not hold an upload that is sent.
  const read = await readOnce(context, size - 1, size, RECHECK_GRACE_MS);
  if (read === null) return context.signal.throwIfAborted();
  try {
    await verifyFile(context);
  } catch (reason) {
    // The file was removed after its last byte was sent. Chromium's NotReadableError may also mean that it changed.
    const isGone = reason instanceof UploadFailed && reason.failure.code === "file_unreadable";
    if (isGone && read !== "NotReadableError") return;
    throw reason;
  }
  const controller = linkedController(context.signal);
  const { signal } = controller;
  const checked = hashAgain({ ...context, signal }, parts, limitMs);
  await within(context, limitMs + RECHECK_GRACE_MS, checked).finally(() => controller.abort());
  context.signal.throwIfAborted();
}

async function hashAgain(context: RunContext, parts: readonly Part[], limitMs: number): Promise<void> {
  const { hashes, ticker } = context;
  const startedAt = ticker.awakeMs();
  if (hashes === null) return;
  const known = parts.filter(({ md5 }) => md5 !== null);
  for (const [index, part] of known.entries()) {
    for (const next of known.slice(index, index + PARTS_AHEAD)) hashes.prepare(next);
    await updateMd5(context, hashes, part);
    ticker.observe();
    if (ticker.awakeMs() - startedAt >= limitMs) return;
  }
}

/**
 * Returns the bytes if they are kept or were read here. Throws UploadFailed if an earlier MD5 differs, because then the
 * file changed.
 */
async function updateMd5(context: RunContext, hashes: HashAhead, part: Part, keepsBytes = false) {
  let hash = await hashes.get(part, keepsBytes);
  if (hash.kind === "unreadable") {
    // It may have been away for a moment only.
    await verifyFile(context);
    hash = await hashes.get(part, keepsBytes);
  }
  context.signal.throwIfAborted();
  // If the page can read what the worker could not, the part is sent without MD5.
  if (hash.kind === "unreadable") return readFile(context, part.start, part.end);
  if (hash.kind !== "md5") return null;
  if (part.md5 !== null && part.md5 !== hash.hex) throw new UploadFailed(fileChanged(context.job.file.name));
  part.md5 = hash.hex;
  part.isMd5Doubted = false;
  return hash.bytes;
}
