// Which parts there are and how far each is: the one place that counts bytes.

export interface Part {
  readonly number: number;
  readonly start: number;
  readonly end: number;
  readonly size: number;
  isDone: boolean;
  /** Bytes of the attempt in flight. */
  loaded: number;
  /** The furthest any attempt got. */
  best: number;
  /** Attempts that failed in a row without getting further. */
  failures: number;
  /** How often the store said 403 or 404, and how often the bytes arrived changed. */
  refusals: number;
  damaged: number;
  md5: string | null;
}

/** An attempt must get this much further than any before it to count as progress; less may be chance. */
const PROGRESS_STEP = 1024 * 1024;

export class PartList {
  readonly parts: readonly Part[];
  /** Bytes handed to the network in all, also those sent twice: what the line carries. */
  bytesMoved = 0;

  constructor(
    readonly sizeBytes: number,
    readonly partSizeBytes: number,
  ) {
    this.parts = Array.from({ length: Math.ceil(sizeBytes / partSizeBytes) }, (_, index) => {
      const start = index * partSizeBytes;
      const end = Math.min(sizeBytes, start + partSizeBytes);
      return {
        number: index + 1,
        start,
        end,
        size: end - start,
        isDone: false,
        loaded: 0,
        best: 0,
        failures: 0,
        refusals: 0,
        damaged: 0,
        md5: null,
      };
    });
  }

  get unfinished(): readonly Part[] {
    return this.parts.filter((part) => !part.isDone);
  }

  /** Finished parts and what is in flight of the others; an attempt that fails takes its bytes back. */
  get bytesSent(): number {
    return this.parts.reduce((sum, part) => sum + (part.isDone ? part.size : part.loaded), 0);
  }

  /** True when the part got further than before. */
  advance(part: Part, loaded: number): boolean {
    const now = Math.min(part.size, loaded);
    // Chromium may resend a body by itself after a reset: then the count runs backwards for a while.
    this.bytesMoved += Math.max(0, now - part.loaded);
    part.loaded = now;
    if (now < part.best + Math.min(PROGRESS_STEP, part.size)) return false;
    part.best = now;
    part.failures = 0;
    return true;
  }

  finish(part: Part): void {
    this.bytesMoved += Math.max(0, part.size - part.loaded);
    part.isDone = true;
    part.loaded = 0;
    part.failures = 0;
    part.refusals = 0;
    part.damaged = 0;
  }

  /** The server found these missing or changed: they are read, hashed and sent again. */
  reopen(partNumbers: readonly number[]): number {
    let reopened = 0;
    for (const number of partNumbers) {
      const part = this.parts[number - 1];
      if (part === undefined) continue;
      Object.assign(part, { isDone: false, loaded: 0, best: 0, md5: null });
      reopened += 1;
    }
    return reopened;
  }

  /** A person asked to try again: old failures do not count against it. */
  forgive(): void {
    for (const part of this.parts) Object.assign(part, { loaded: 0, failures: 0, refusals: 0, damaged: 0 });
  }
}

/** The server's rule (docs/reference/contract.md), to hash the first part while the server still answers. */
export function expectedPartSize(sizeBytes: number): number {
  const mib = 1024 * 1024;
  return Math.min(Math.max(Math.ceil(Math.ceil(sizeBytes / 6) / mib) * mib, 5 * mib), 16 * mib);
}
