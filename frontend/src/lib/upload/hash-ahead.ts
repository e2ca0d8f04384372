// Has each part's MD5 ready just before the part is sent, at most two parts ahead, and never holds an upload up.
import type { Clock, PartHash, PartHasher } from "./ports";

/** Workers that answer nobody for so long never will. */
const HASH_LIMIT_MS = 60_000;
export const PARTS_AHEAD = 2;

export interface Slice {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

const UNAVAILABLE: PartHash = { kind: "unavailable" };

export function createHashAhead(
  hasher: PartHasher,
  clock: Clock,
  file: Blob,
  signal: AbortSignal,
  onBroken: () => void,
) {
  const hashes = new Map<string, Promise<PartHash>>();
  let isBroken = false;
  let replies = 0;

  /** Begins without waiting: the next `get` for the same bytes finds the work done or under way. */
  function prepare(slice: Slice): void {
    const key = `${slice.start}-${slice.end}`;
    if (!isBroken && !hashes.has(key)) hashes.set(key, compute(slice));
  }

  async function get(slice: Slice): Promise<PartHash> {
    if (isBroken) return UNAVAILABLE;
    prepare(slice);
    const key = `${slice.start}-${slice.end}`;
    const hash = await (hashes.get(key) ?? UNAVAILABLE);
    hashes.delete(key);
    return hash;
  }

  function compute(slice: Slice): Promise<PartHash> {
    return new Promise((resolve) => {
      let cancel: () => void;
      // Orders wait for one another: on a slow disk the last one's turn comes late, while the workers are alive.
      const waitWhileAlive = () => {
        const before = replies;
        cancel = clock.after(HASH_LIMIT_MS, () =>
          replies === before ? settle(UNAVAILABLE) : waitWhileAlive(),
        );
      };
      const onAbort = () => settle(UNAVAILABLE);
      const settle = (hash: PartHash) => {
        cancel();
        signal.removeEventListener("abort", onAbort);
        if (hash.kind === "unavailable" && !isBroken && !signal.aborted) {
          isBroken = true;
          onBroken();
        }
        resolve(hash);
      };
      waitWhileAlive();
      signal.addEventListener("abort", onAbort);
      const onReply = (hash: PartHash) => {
        replies += 1;
        settle(hash);
      };
      hasher.md5(file.slice(slice.start, slice.end), signal).then(onReply, () => settle(UNAVAILABLE));
    });
  }

  return { prepare, get };
}

export type HashAhead = ReturnType<typeof createHashAhead>;

/** The header takes base64, the API takes hex. */
export function hexToBase64(hex: string): string {
  return btoa(hex.replace(/../g, (pair) => String.fromCharCode(Number.parseInt(pair, 16))));
}
