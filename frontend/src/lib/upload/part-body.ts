// Computes the MD5 of a part, and reads its body where needed.
import { type HashAhead, PARTS_AHEAD } from "./hash-ahead";
import type { PartBody } from "./ports";
import { readFile, readThrough, verifyFile } from "./read-file";
import { fileChanged, UploadFailed } from "./rules/errors";
import { needsMd5, type Part } from "./rules/part-list";
import type { RunContext } from "./run-context";

const MAX_BODIES = 4;
const MAX_BODY_BYTES = 64 * 1024 * 1024;
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
  if (hash.kind === "unreadable") return (keepsBytes ? readFile : readThrough)(context, part.start, part.end);
  if (hash.kind !== "md5") return null;
  if (part.md5 !== null && part.md5 !== hash.hex) throw new UploadFailed(fileChanged(context.job.file.name));
  part.md5 = hash.hex;
  part.isMd5Doubted = false;
  return hash.bytes;
}
