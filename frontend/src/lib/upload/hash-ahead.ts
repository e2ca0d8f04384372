// Computes MD5s of at most four parts ahead, so that a part need not wait for its own.
import { deadline } from "./delays";
import type { Clock, PartHash, PartHasher } from "./ports";

/** A worker that answers no job for so long is taken for dead. */
const HASH_LIMIT_MS = 60_000;
/** After a crash a new worker starts. A worker that a policy blocks fails each time. */
const MAX_HASHER_FAILURES = 3;
export const PARTS_AHEAD = 4;

export interface Slice {
  readonly start: number;
  readonly end: number;
}

const UNAVAILABLE: PartHash = { kind: "unavailable" };
const LATE: PartHash = { kind: "late" };

export function createHashAhead(hasher: PartHasher, clock: Clock, file: Blob, signal: AbortSignal) {
  const hashes = new Map<string, Promise<PartHash>>();
  let isBroken = false;
  let failures = 0;
  /** The jobs up to this one ended with the failure that was counted last. */
  let failedUpTo = 0;
  let replies = 0;
  let jobs = 0;
  let newestReplied = 0;

  /** Starts the work, which the next `get` for the same bytes waits for. */
  function prepare(slice: Slice): void {
    const key = keyOf(slice);
    if (!isBroken && !hashes.has(key)) hashes.set(key, compute(slice));
  }

  /** With `keepsBytes` the slice is read now. */
  async function get(slice: Slice, keepsBytes = false): Promise<PartHash> {
    const key = keyOf(slice);
    const prepared = keepsBytes ? undefined : hashes.get(key);
    hashes.delete(key);
    if (isBroken) return UNAVAILABLE;
    return prepared ?? compute(slice, keepsBytes);
  }

  function compute(slice: Slice, keepsBytes = false): Promise<PartHash> {
    jobs += 1;
    const job = jobs;
    return new Promise((resolve) => {
      let cancel: () => void;
      // On a slow disk a job may wait long for the jobs before it, while the worker is alive.
      const waitWhileAlive = () => {
        const before = replies;
        cancel = deadline(clock, HASH_LIMIT_MS, () => {
          // A job that later ones have overtaken is lost.
          if (newestReplied > job) settle(LATE);
          else if (replies !== before) waitWhileAlive();
          else {
            isBroken = true;
            settle(UNAVAILABLE);
          }
        });
      };
      const onAbort = () => settle(UNAVAILABLE);
      const settle = (hash: PartHash) => {
        cancel();
        signal.removeEventListener("abort", onAbort);
        if (hash.kind !== "unavailable") failures = 0;
        else if (job > failedUpTo) {
          failures += 1;
          failedUpTo = jobs;
        }
        isBroken ||= failures >= MAX_HASHER_FAILURES;
        resolve(hash);
      };
      waitWhileAlive();
      signal.addEventListener("abort", onAbort);
      const onReply = (hash: PartHash) => {
        replies += 1;
        newestReplied = Math.max(newestReplied, job);
        settle(hash);
      };
      hasher
        .md5(file.slice(slice.start, slice.end), signal, keepsBytes)
        .then(onReply, () => settle(UNAVAILABLE));
    });
  }

  return { prepare, get };
}

function keyOf({ end, start }: Slice): string {
  return `${start}-${end}`;
}

export type HashAhead = ReturnType<typeof createHashAhead>;

/** Content-MD5 is base64, the API expects hexadecimal. */
export function hexToBase64(hex: string): string {
  return btoa(hex.replace(/../g, (pair) => String.fromCharCode(Number.parseInt(pair, 16))));
}
