// Keeps signed URLs ahead of need, judged by the server's clock, in few calls.
import type { Clock, SignedParts } from "./ports";
import { ApiFailure } from "./rules/errors";

/**
 * A URL this near its end is not used any more. If it lives only minutes, a third of its life. What buffers bodies may
 * send a request on minutes later, and the store judges the URL then.
 */
const MARGIN_MS = 300_000;
/** With fewer URLs than this (two for each of six parts in flight), the next batch is fetched. */
const LOW_WATER = 12;

export interface SignedUrl {
  readonly url: string;
  readonly signedAt: number;
  freshUntil: number;
  readonly expiresAt: number;
}

/** `sentAt` is our time before the call. Counted from there, a URL never seems to live longer than it does. */
export type TimedParts = Pick<SignedParts, "parts" | "server_time"> & { readonly sentAt: number };

export interface UrlSource {
  readonly clock: Clock;
  readonly log: { readonly counts: { renewals: number }; clockOffsetMs: number | null };
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

export function createUrlCache({ clock, log, batchSize, sign, upcoming }: UrlSource) {
  const urls = new Map<number, SignedUrl>();
  const waiters = new Map<number, Waiter>();
  /** Parts that get a new URL. The old one serves until it comes. */
  const refreshing = new Set<number>();
  let isSigning = false;

  const isFresh = (url: SignedUrl | undefined): url is SignedUrl =>
    url !== undefined && clock.now() < url.freshUntil;

  function add(signed: TimedParts): void {
    for (const [partNumber, url] of timeUrls(signed, clock.now(), log)) {
      refreshing.delete(partNumber);
      if (urls.has(partNumber)) log.counts.renewals += 1;
      urls.set(partNumber, url);
      waiters.get(partNumber)?.resolve(url);
      waiters.delete(partNumber);
    }
  }

  /** One caller a part at a time. Rejects with the API's reason if it refuses to sign. */
  function get(partNumber: number): Promise<SignedUrl> {
    return new Promise((resolve, reject) => {
      const url = urls.get(partNumber);
      if (isFresh(url)) resolve(url);
      else waiters.set(partNumber, { resolve, reject });
      fetchAhead();
    });
  }

  /** Fetches a new URL. The old one is used until then. */
  function refresh(partNumber: number): void {
    refreshing.add(partNumber);
    fetchAhead();
  }

  function invalidate(partNumbers: Iterable<number> = urls.keys()): void {
    for (const partNumber of partNumbers) {
      const url = urls.get(partNumber);
      if (url !== undefined) url.freshUntil = -Infinity;
    }
  }

  function fetchAhead(): void {
    if (isSigning) return;
    const ahead = upcoming();
    const needed = ahead.filter((partNumber) => !isFresh(urls.get(partNumber)));
    const isLow = ahead.length - needed.length < LOW_WATER;
    const wanted = new Set([...waiters.keys(), ...refreshing, ...(isLow || waiters.size > 0 ? needed : [])]);
    if (wanted.size > 0) void signNow([...wanted].slice(0, batchSize));
  }

  async function signNow(partNumbers: readonly number[]): Promise<void> {
    isSigning = true;
    try {
      add(await sign(partNumbers));
      // The answer leaves these parts out, and another call would not bring more.
      rejectWaiters(waiters, partNumbers, new ApiFailure(0, "unreadable_answer"));
    } catch (reason) {
      // If nothing waits, the part that needs the URL asks again and gets the reason then.
      rejectWaiters(waiters, [...waiters.keys()], reason);
      refreshing.clear();
    }
    isSigning = false;
    if (waiters.size + refreshing.size > 0) fetchAhead();
  }

  return { add, get, refresh, invalidate };
}

export type UrlCache = ReturnType<typeof createUrlCache>;

function rejectWaiters(waiters: Map<number, Waiter>, partNumbers: readonly number[], reason: unknown): void {
  for (const partNumber of partNumbers) {
    waiters.get(partNumber)?.reject(reason);
    waiters.delete(partNumber);
  }
}

/** Maps each part to its URL with times by our clock, and notes how far the server's clock is ahead. */
function timeUrls(
  signed: TimedParts,
  now: number,
  log: UrlSource["log"],
): (readonly [partNumber: number, url: SignedUrl])[] {
  // If our clock was set back during the call, `sentAt` is later than now.
  const sentAt = Math.min(signed.sentAt, now);
  const serverTime = Date.parse(signed.server_time);
  log.clockOffsetMs = Math.round(serverTime - (sentAt + now) / 2);
  return signed.parts.map(({ expires_at, part_number, url }) => {
    const life = Date.parse(expires_at) - serverTime;
    const expiresAt = sentAt + life;
    // A new URL is always usable once, or a short life would make the engine sign for ever.
    const freshUntil = Math.max(now + 1, expiresAt - Math.min(MARGIN_MS, life / 3));
    return [part_number, { url, signedAt: now, expiresAt, freshUntil }];
  });
}
