// Has each part's MD5 ready just before the part is sent, at most two parts ahead, and never holds an upload up.
import type { Clock } from "./clock";
import type { PartHash, PartHasher } from "./ports";

/** A worker that has not answered by then never will. */
const HASH_LIMIT_MS = 60_000;
export const PARTS_AHEAD = 2;

export interface Slice {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

const UNAVAILABLE: PartHash = { kind: "unavailable" };

export class HashAhead {
  private readonly hashes = new Map<string, Promise<PartHash>>();
  private isBroken = false;

  constructor(
    private readonly hasher: PartHasher,
    private readonly clock: Clock,
    private readonly file: Blob,
    private readonly signal: AbortSignal,
  ) {}

  /** Begins without waiting: the next `of` for the same bytes finds the work done or under way. */
  prepare(slice: Slice): void {
    const key = `${slice.start}-${slice.end}`;
    if (!this.isBroken && !this.hashes.has(key)) this.hashes.set(key, this.compute(slice));
  }

  async of(slice: Slice): Promise<PartHash> {
    if (this.isBroken) return UNAVAILABLE;
    this.prepare(slice);
    const key = `${slice.start}-${slice.end}`;
    const hash = await (this.hashes.get(key) ?? UNAVAILABLE);
    this.hashes.delete(key);
    return hash;
  }

  private compute(slice: Slice): Promise<PartHash> {
    return new Promise((resolve) => {
      const cancel = this.clock.after(HASH_LIMIT_MS, () => settle(UNAVAILABLE));
      const onAbort = () => settle(UNAVAILABLE);
      const settle = (hash: PartHash) => {
        cancel();
        this.signal.removeEventListener("abort", onAbort);
        if (hash.kind === "unavailable") this.isBroken = true;
        resolve(hash);
      };
      this.signal.addEventListener("abort", onAbort);
      this.hasher
        .md5(this.file.slice(slice.start, slice.end), this.signal)
        .then(settle, () => settle(UNAVAILABLE));
    });
  }
}

/** The header takes base64, the API takes hex. */
export function hexToBase64(hex: string): string {
  return btoa(hex.replace(/../g, (pair) => String.fromCharCode(Number.parseInt(pair, 16))));
}
