// Keeps signed URLs ahead of need, judged by the server's clock, in few calls.
import type { Clock, SignedParts } from "./ports";
import { ApiFailure } from "./rules/errors";
import type { UploadLog } from "./upload-log";

/** A URL this near its end is not used any more. If it lives only seconds, a quarter of its life. */
const MARGIN_MS = 60_000;
/** With fewer URLs than this (two for each of six parts in flight), the next batch is fetched. */
const LOW_WATER = 12;

export interface SignedUrl {
  readonly url: string;
  readonly signedAt: number;
  readonly freshUntil: number;
  readonly expiresAt: number;
}

/** `sentAt` is our time before the call. Counted from there, a URL never seems to live longer than it does. */
export type TimedParts = Pick<SignedParts, "parts" | "server_time"> & { readonly sentAt: number };

export interface UrlSource {
  readonly clock: Clock;
  readonly log: Pick<UploadLog, "renewals" | "clockOffsetMs">;
  /** How many parts the API signs in one call. */
  readonly batchSize: number;
  readonly sign: (partNumbers: readonly number[]) => Promise<TimedParts>;
  /** The parts to be sent next, in order, as many as can be sent within a URL's life. */
  readonly upcoming: () => readonly number[];
}

interface Waiter {
  readonly resolve: (url: SignedUrl) => void;
  readonly reject: (reason: unknown) => void;
}

export class UrlCache {
  readonly #source: UrlSource;
  readonly #urls = new Map<number, SignedUrl>();
  readonly #waiters = new Map<number, Waiter>();
  /** Parts that get a new URL. The old one serves until it comes. */
  readonly #refreshing = new Set<number>();
  #isSigning = false;

  constructor(source: UrlSource) {
    this.#source = source;
  }

  add(signed: TimedParts): void {
    const { clock, log } = this.#source;
    const now = clock.now();
    // If our clock was set back during the call, `sentAt` is later than now.
    const sentAt = Math.min(signed.sentAt, now);
    const serverTime = Date.parse(signed.server_time);
    log.clockOffsetMs = Math.round(serverTime - (sentAt + now) / 2);
    for (const { expires_at, part_number, url } of signed.parts) {
      this.#refreshing.delete(part_number);
      if (this.#urls.has(part_number)) log.renewals += 1;
      const life = Date.parse(expires_at) - serverTime;
      const expiresAt = sentAt + life;
      // A new URL is always usable once, or a short life would make the engine sign for ever.
      const freshUntil = Math.max(now + 1, expiresAt - Math.min(MARGIN_MS, life / 4));
      this.#urls.set(part_number, { url, signedAt: now, expiresAt, freshUntil });
    }
    for (const [partNumber, waiter] of [...this.#waiters]) {
      const url = this.#fresh(partNumber);
      if (url === undefined) continue;
      this.#waiters.delete(partNumber);
      waiter.resolve(url);
    }
  }

  /** One caller a part at a time. Rejects with the API's reason if it refuses to sign. */
  get(partNumber: number): Promise<SignedUrl> {
    return new Promise((resolve, reject) => {
      const url = this.#fresh(partNumber);
      if (url === undefined) this.#waiters.set(partNumber, { resolve, reject });
      else resolve(url);
      this.#fetchAhead();
    });
  }

  /** Fetches a new URL. The old one is used until then. */
  refresh(partNumber: number): void {
    this.#refreshing.add(partNumber);
    this.#fetchAhead();
  }

  invalidate(partNumber: number): void {
    const url = this.#urls.get(partNumber);
    if (url !== undefined) this.#urls.set(partNumber, { ...url, freshUntil: Number.NEGATIVE_INFINITY });
  }

  invalidateAll(): void {
    for (const partNumber of this.#urls.keys()) this.invalidate(partNumber);
  }

  #fresh(partNumber: number): SignedUrl | undefined {
    const url = this.#urls.get(partNumber);
    return url !== undefined && this.#source.clock.now() < url.freshUntil ? url : undefined;
  }

  #fetchAhead(): void {
    if (this.#isSigning) return;
    const ahead = this.#source.upcoming();
    const needed = ahead.filter((partNumber) => this.#fresh(partNumber) === undefined);
    const isLow = ahead.length - needed.length < LOW_WATER;
    const wanted = [...this.#waiters.keys(), ...this.#refreshing];
    if (isLow || this.#waiters.size > 0) wanted.push(...needed);
    if (wanted.length > 0) void this.#sign([...new Set(wanted)].slice(0, this.#source.batchSize));
  }

  async #sign(partNumbers: readonly number[]): Promise<void> {
    this.#isSigning = true;
    try {
      this.add(await this.#source.sign(partNumbers));
      // The answer leaves these parts out, and another call would not bring more.
      for (const partNumber of partNumbers) {
        this.#waiters.get(partNumber)?.reject(new ApiFailure(0, "unreadable_answer", ""));
        this.#waiters.delete(partNumber);
      }
    } catch (reason) {
      // If nothing waits, the part that needs the URL asks again and gets the reason then.
      for (const waiter of this.#waiters.values()) waiter.reject(reason);
      this.#waiters.clear();
      this.#refreshing.clear();
    }
    this.#isSigning = false;
    if (this.#waiters.size + this.#refreshing.size > 0) this.#fetchAhead();
  }
}
