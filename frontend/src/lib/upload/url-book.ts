// Keeps signed URLs ahead of need: by the server's clock, in few calls, and never one that is about to end.
import type { Clock } from "./clock";
import type { SignedParts } from "./ports";

/** A URL this near its end is not used any more; a quarter of its life where it lives only seconds. */
const MARGIN_MS = 60_000;
/** The API signs up to 32 in one call (contract, section 3). */
const BATCH = 32;
/** With fewer left than this, the next batch is fetched: two rounds of six lanes. */
const LOW_WATER = 12;

export interface SignedUrl {
  readonly url: string;
  readonly signedAt: number;
  readonly freshUntil: number;
  readonly expiresAt: number;
}

interface Waiter {
  readonly resolve: (url: SignedUrl) => void;
  readonly reject: (reason: unknown) => void;
}

export class UrlBook {
  private readonly urls = new Map<number, SignedUrl>();
  private readonly waiters = new Map<number, Waiter>();
  private isSigning = false;
  /** How far the server's clock is ahead of ours. */
  clockOffsetMs: number | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly sign: (partNumbers: readonly number[]) => Promise<SignedParts>,
    /** The parts to be sent next, in order, as many as could be sent within a URL's life. */
    private readonly upcoming: () => readonly number[],
  ) {}

  /** `askedAt` is our time before the call: counted from there, a URL never seems to live longer than it does. */
  add(signed: SignedParts, askedAt: number): void {
    const now = this.clock.now();
    const serverTime = Date.parse(signed.server_time);
    this.clockOffsetMs = Math.round(serverTime - (askedAt + now) / 2);
    for (const part of signed.parts) {
      const life = Date.parse(part.expires_at) - serverTime;
      const expiresAt = askedAt + life;
      this.urls.set(part.part_number, {
        url: part.url,
        signedAt: now,
        expiresAt,
        // A fresh answer is always usable once, whatever its life: else a short life would sign for ever.
        freshUntil: Math.max(now + 1, expiresAt - Math.min(MARGIN_MS, life / 4)),
      });
    }
    for (const [partNumber, waiter] of [...this.waiters]) {
      const url = this.urls.get(partNumber);
      if (url === undefined || !this.isFresh(url)) continue;
      this.waiters.delete(partNumber);
      waiter.resolve(url);
    }
  }

  /** One taker a part at a time. Rejects with what the API said when it will not sign. */
  take(partNumber: number): Promise<SignedUrl> {
    const url = this.urls.get(partNumber);
    if (url !== undefined && this.isFresh(url)) {
      this.fetchAhead();
      return Promise.resolve(url);
    }
    return new Promise((resolve, reject) => {
      this.waiters.set(partNumber, { resolve, reject });
      this.fetchAhead();
    });
  }

  forget(partNumber: number): void {
    this.urls.delete(partNumber);
  }

  forgetAll(): void {
    this.urls.clear();
  }

  private isFresh(url: SignedUrl): boolean {
    return this.clock.now() < url.freshUntil;
  }

  private fetchAhead(): void {
    if (this.isSigning) return;
    const ahead = this.upcoming();
    const needed = ahead.filter((partNumber) => {
      const url = this.urls.get(partNumber);
      return url === undefined || !this.isFresh(url);
    });
    const isLow = ahead.length - needed.length < LOW_WATER;
    const wanted = [...new Set([...this.waiters.keys(), ...(isLow || this.waiters.size > 0 ? needed : [])])];
    if (wanted.length > 0) void this.fetch(wanted.slice(0, BATCH));
  }

  private async fetch(partNumbers: readonly number[]): Promise<void> {
    this.isSigning = true;
    try {
      const askedAt = this.clock.now();
      const signed = await this.sign(partNumbers);
      this.isSigning = false;
      this.add(signed, askedAt);
      if (this.waiters.size > 0) this.fetchAhead();
    } catch (reason) {
      this.isSigning = false;
      // Nobody waits: the part that needs the URL asks again, and hears the reason then.
      const waiting = [...this.waiters.values()];
      this.waiters.clear();
      for (const waiter of waiting) waiter.reject(reason);
    }
  }
}
