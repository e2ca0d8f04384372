// Keeps signed URLs ahead of need: by the server's clock, in few calls, and never one that is about to end.
import type { Clock, SignedParts } from "./ports";
import { ApiFailure } from "./rules/errors";
import type { UploadLog } from "./telemetry";

/** A URL this near its end is not used any more; a quarter of its life where it lives only seconds. */
const MARGIN_MS = 60_000;
/** The API signs up to 32 in one call (docs/reference/contract.md). */
const BATCH = 32;
/** With fewer left than this, the next batch is fetched: two rounds of six lanes. */
const LOW_WATER = 12;

export interface SignedUrl {
  readonly url: string;
  readonly signedAt: number;
  readonly freshUntil: number;
  readonly expiresAt: number;
}

/** `askedAt` is our time before the call: counted from there, a URL never seems to live longer than it does. */
export type TimedParts = Pick<SignedParts, "parts" | "server_time"> & { readonly askedAt: number };

interface Waiter {
  readonly resolve: (url: SignedUrl) => void;
  readonly reject: (reason: unknown) => void;
}

export function createUrlCache(
  clock: Clock,
  sign: (partNumbers: readonly number[]) => Promise<TimedParts>,
  /** The parts to be sent next, in order, as many as could be sent within a URL's life. */
  upcoming: () => readonly number[],
  log: Pick<UploadLog, "renewals" | "clockOffsetMs">,
) {
  const urls = new Map<number, SignedUrl>();
  const waiters = new Map<number, Waiter>();
  /** Parts whose URL is doubted: a new one is wanted, and the old one serves until it comes. */
  const doubted = new Set<number>();
  let isSigning = false;

  function add(signed: TimedParts): void {
    const now = clock.now();
    // Later than now: our clock was set back meanwhile.
    const askedAt = Math.min(signed.askedAt, now);
    const serverTime = Date.parse(signed.server_time);
    log.clockOffsetMs = Math.round(serverTime - (askedAt + now) / 2);
    for (const part of signed.parts) {
      doubted.delete(part.part_number);
      if (urls.has(part.part_number)) log.renewals += 1;
      const life = Date.parse(part.expires_at) - serverTime;
      const expiresAt = askedAt + life;
      urls.set(part.part_number, {
        url: part.url,
        signedAt: now,
        expiresAt,
        // A fresh answer is always usable once, whatever its life: else a short life would sign for ever.
        freshUntil: Math.max(now + 1, expiresAt - Math.min(MARGIN_MS, life / 4)),
      });
    }
    for (const [partNumber, waiter] of [...waiters]) {
      const url = fresh(partNumber);
      if (url === undefined) continue;
      waiters.delete(partNumber);
      waiter.resolve(url);
    }
  }

  /** One taker a part at a time. Rejects with what the API said when it will not sign. */
  function take(partNumber: number): Promise<SignedUrl> {
    return new Promise((resolve, reject) => {
      const url = fresh(partNumber);
      if (url === undefined) waiters.set(partNumber, { resolve, reject });
      else resolve(url);
      fetchAhead();
    });
  }

  /** Asks for a new URL beside the old one. */
  function refresh(partNumber: number): void {
    doubted.add(partNumber);
    fetchAhead();
  }

  /** Not to be used any more. */
  function forget(partNumber: number): void {
    const url = urls.get(partNumber);
    if (url !== undefined) urls.set(partNumber, { ...url, freshUntil: Number.NEGATIVE_INFINITY });
  }

  function forgetAll(): void {
    for (const partNumber of urls.keys()) forget(partNumber);
  }

  function fresh(partNumber: number): SignedUrl | undefined {
    const url = urls.get(partNumber);
    return url !== undefined && clock.now() < url.freshUntil ? url : undefined;
  }

  function fetchAhead(): void {
    if (isSigning) return;
    const ahead = upcoming();
    const needed = ahead.filter((partNumber) => fresh(partNumber) === undefined);
    const isLow = ahead.length - needed.length < LOW_WATER;
    const wanted = [
      ...new Set([...waiters.keys(), ...doubted, ...(isLow || waiters.size > 0 ? needed : [])]),
    ];
    if (wanted.length > 0) void signNow(wanted.slice(0, BATCH));
  }

  async function signNow(partNumbers: readonly number[]): Promise<void> {
    isSigning = true;
    try {
      add(await sign(partNumbers));
      // Left out of the answer: asking again at once, and for ever, would bring no more.
      for (const partNumber of partNumbers) {
        waiters.get(partNumber)?.reject(new ApiFailure(0, "unreadable_answer", ""));
        waiters.delete(partNumber);
      }
    } catch (reason) {
      // Where nobody waits, the part that needs the URL asks again, and hears the reason then.
      for (const waiter of waiters.values()) waiter.reject(reason);
      waiters.clear();
      doubted.clear();
    }
    isSigning = false;
    if (waiters.size + doubted.size > 0) fetchAhead();
  }

  return { add, take, refresh, forget, forgetAll };
}

export type UrlCache = ReturnType<typeof createUrlCache>;
