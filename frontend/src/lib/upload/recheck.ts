// Finds out whether the file changed while it was sent.
import { linkedController, within } from "./delays";
import { PARTS_AHEAD } from "./hash-ahead";
import { readOnce, verifyFile } from "./read-file";
import { fileChanged, UploadFailed } from "./rules/errors";
import type { Part } from "./rules/part-list";
import type { RunContext } from "./run-context";

/** Hashing parts again takes at most this share of the sending time, so that it slows no upload noticeably. */
const SHARE = 0.05;
/** What one read, and one part beyond the limit, may take. A disk or a worker that hangs must not hold the upload. */
const GRACE_MS = 3000;

/**
 * Returns a function for a connection that has nothing left to send, and for the end. While the last bodies are on their
 * way, nothing else needs the disk and the worker. The function throws UploadFailed if bytes that were sent differ from
 * the file. No browser notices a file that was overwritten and kept its size and time, and Firefox notices no new time.
 * It waits until every part has its MD5, because the store refuses bytes that change later, or until every part is sent.
 */
export function createRecheck(context: RunContext, parts: readonly Part[], sendingMs: () => number) {
  let hasBegun = false;
  return async (isSent = false): Promise<void> => {
    if (hasBegun || !(isSent || parts.every(({ md5 }) => md5 !== null))) return;
    hasBegun = true;
    const limitMs = sendingMs() * SHARE;
    const controller = linkedController(context.signal);
    const checked = hashAgain({ ...context, signal: controller.signal }, parts, limitMs);
    const end = await within(context, limitMs + GRACE_MS, checked).finally(() => controller.abort());
    context.signal.throwIfAborted();
    // The file may be away for a moment only, so a later call tries again.
    if (end === "unreadable") hasBegun = false;
    if (end === null) context.log.note(context.clock.now(), "the file was not hashed again");
  };
}

/** The first parts come first, because they were read the longest time ago. Returns null if none could be hashed. */
async function hashAgain(
  { hashes, job, signal, ticker }: RunContext,
  parts: readonly Part[],
  limitMs: number,
): Promise<"unreadable" | "checked" | null> {
  const startedAt = ticker.awakeMs();
  if (hashes === null) return "checked";
  let end: "checked" | null = null;
  const known = parts.filter(({ md5 }) => md5 !== null);
  for (const [index, part] of known.entries()) {
    for (const next of known.slice(index, index + PARTS_AHEAD)) hashes.prepare(next);
    const hash = await hashes.get(part);
    if (signal.aborted) break;
    if (hash.kind === "unreadable") return "unreadable";
    if (hash.kind === "md5") {
      if (hash.hex !== part.md5) throw new UploadFailed(fileChanged(job.file.name));
      end = "checked";
    }
    ticker.observe();
    if (ticker.awakeMs() - startedAt >= limitMs) break;
  }
  return end;
}

/** Call it when the last byte is sent. Throws UploadFailed if the file has changed, or is there but cannot be read. */
export async function confirmFile(context: RunContext): Promise<void> {
  const { size } = context.job.file;
  const read = await readOnce(context, size - 1, size, GRACE_MS);
  if (read === null) return context.signal.throwIfAborted();
  try {
    await verifyFile(context);
  } catch (reason) {
    // The file was removed after its last byte was sent. Chromium's NotReadableError may also mean that it changed.
    const isGone = reason instanceof UploadFailed && reason.failure.code === "file_unreadable";
    if (!isGone || read === "NotReadableError") throw reason;
  }
}
