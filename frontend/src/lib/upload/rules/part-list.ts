// The parts of a file and how far each is. Bytes are counted only here.
import type { UploadPolicy } from "../types";

export interface Part {
  readonly number: number;
  readonly start: number;
  readonly end: number;
  readonly size: number;
  isDone: boolean;
  /** Bytes of the attempt in flight. */
  loaded: number;
  /** The furthest that any attempt got. */
  best: number;
  /** Attempts in a row that failed without getting further. */
  failures: number;
  /** How many attempts in a row stood still. */
  stalls: number;
  /** How often the store answered 403 or 404. */
  refusals: number;
  /** How often the store received other bytes than were sent. */
  corruptions: number;
  md5: string | null;
  /** The store received other bytes, so the file is read and hashed again. */
  isMd5Doubted: boolean;
}

export function needsMd5({ isMd5Doubted, md5 }: Part): boolean {
  return md5 === null || isMd5Doubted;
}

/** An attempt must get this much further than any before it to count as progress. Less may be chance. */
const PROGRESS_STEP = 1024 * 1024;

/** An answer that comes later than this after a body, and takes longer than it, shows that something buffers bodies. */
const LATE_ANSWER_MS = 5000;

const UNTRIED = { loaded: 0, failures: 0, stalls: 0, refusals: 0, corruptions: 0 };

export class PartList {
  readonly parts: readonly Part[];
  /** Bytes handed to the network, also those sent twice. */
  bytesMoved = 0;
  /** The browser reported progress within a part. */
  hasPartialProgress = false;
  /**
   * Something between this page and the store takes bodies at once and sends them on slowly (a virus scanner, a VPN, a
   * proxy). Then only answers show progress. Null until the first answer.
   */
  isBuffered: boolean | null = null;
  /** Whether bytes count as sent before they are answered. */
  countsUnanswered = false;
  readonly #answers: { readonly at: number; readonly bytes: number }[] = [];
  #bufferedSince = 0;

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
        md5: null,
        isMd5Doubted: false,
        best: 0,
        ...UNTRIED,
      };
    });
  }

  get unfinished(): readonly Part[] {
    return this.parts.filter((part) => !part.isDone);
  }

  /** Finished parts, and what is in flight of the others. The bytes of a failed attempt don't count. */
  get bytesSent(): number {
    const loaded = (part: Part) => (this.countsUnanswered ? part.loaded : 0);
    return this.parts.reduce((sum, part) => sum + (part.isDone ? part.size : loaded(part)), 0);
  }

  /** Bytes per second by the answers, if something buffers bodies. */
  get answerRate(): number | null {
    const since = this.#bufferedSince;
    const last = this.#answers.at(-1);
    if (!this.isBuffered || last === undefined) return null;
    const bytes = this.#answers.reduce((sum, answer) => sum + (answer.at > since ? answer.bytes : 0), 0);
    return (bytes * 1000) / (last.at - since);
  }

  /** Returns whether the part got further than before. */
  advance(part: Part, loaded: number): boolean {
    const now = Math.min(part.size, loaded);
    // Chromium may resend a body after a reset. The count then runs backwards for a while.
    this.bytesMoved += Math.max(0, now - part.loaded);
    part.loaded = now;
    this.hasPartialProgress ||= now < part.size;
    if (now < part.best + Math.min(PROGRESS_STEP, part.size)) return false;
    part.best = now;
    part.failures = 0;
    return true;
  }

  finish(part: Part): void {
    this.bytesMoved += Math.max(0, part.size - part.loaded);
    Object.assign(part, UNTRIED, { isDone: true });
  }

  /** The times are those of one attempt, in milliseconds of one clock. A short last part is answered soon anyway. */
  timeAnswer({ size }: Part, startedAt: number, bodySentAt: number, answeredAt: number): void {
    if (size === this.partSizeBytes || this.isBuffered === null) {
      const isLate = answeredAt - bodySentAt > Math.max(LATE_ANSWER_MS, bodySentAt - startedAt);
      // Parts share the link, so the rate counts every answer since this attempt began. If it counted this part alone,
      // the limit for a dead connection would be several times too long.
      if (isLate !== this.isBuffered) this.#bufferedSince = startedAt;
      this.isBuffered = isLate;
    }
    this.#answers.push({ at: answeredAt, bytes: size });
  }

  /** Returns how many of these parts there are. Each is read, hashed and sent again. */
  reopen(partNumbers: readonly number[]): number {
    const reopened = partNumbers.flatMap((number) => this.parts[number - 1] ?? []);
    for (const part of reopened)
      Object.assign(part, { isDone: false, loaded: 0, best: 0, isMd5Doubted: true });
    return reopened.length;
  }

  /** The user tries again, so earlier failures don't count. */
  resetFailures(): void {
    for (const part of this.parts) Object.assign(part, UNTRIED);
    this.isBuffered = null;
  }
}

/** The size of the parts that the server will choose. */
export function plannedPartSize(sizeBytes: number, plan: UploadPolicy["part_plan"]): number {
  const multiple = plan.part_bytes_multiple;
  const rounded = Math.ceil(sizeBytes / plan.wanted_parts / multiple) * multiple;
  return Math.min(Math.max(rounded, plan.min_part_bytes), plan.max_part_bytes);
}
