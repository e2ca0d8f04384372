// Decides what follows a request that failed.

/** Full jitter (AWS architecture blog) waits between 0 and a ceiling that doubles up to half a minute. */
const BACKOFF_FIRST_MS = 500;
const BACKOFF_LIMIT_MS = 30_000;
/** A longer Retry-After is cut, because a person watches. */
const RETRY_AFTER_LIMIT_MS = 120_000;

/** Only after both does an upload end for lack of network, because an outage may last longer than MAX_FAILURES attempts. */
export const MAX_FAILURES = 8;
export const NO_PROGRESS_LIMIT_MS = 600_000;

export function backoffMs(failures: number, random: () => number, retryAfterSeconds: number | null): number {
  const ceiling = Math.min(BACKOFF_LIMIT_MS, BACKOFF_FIRST_MS * 2 ** Math.max(0, failures - 1));
  const jitter = random() * ceiling;
  // With jitter on top of Retry-After, six parts that got the same answer don't come back together. The wait is never
  // shorter than without Retry-After, or a constant second would send the same part hundreds of times.
  const asked = Math.min(RETRY_AFTER_LIMIT_MS, (retryAfterSeconds ?? 0) * 1000) + Math.min(jitter, 1000);
  return Math.max(jitter, asked);
}

/**
 * After `retry` the same request may succeed. `renew` needs a new URL from the API, which also knows whether the upload
 * is gone. After `rehash` the store has received other bytes. `refused` is final.
 */
export type PartAction = "sent" | "retry" | "renew" | "rehash" | "refused";

export function decidePart(status: number, storeCode: string | null): PartAction {
  if (status >= 200 && status < 300) return "sent";
  if (status === 403 || status === 404) return "renew";
  if (status === 400) {
    if (storeCode === "RequestTimeout" || storeCode === "IncompleteBody") return "retry";
    if (storeCode === "BadDigest" || storeCode === "InvalidDigest") return "rehash";
    if (storeCode === "ExpiredToken" || storeCode === "RequestExpired") return "renew";
    return "refused";
  }
  return isTransient(status) ? "retry" : "refused";
}

export type CallAction = "retry" | "sign_in" | "fail";

export function decideCall(status: number): CallAction {
  if (status === 401) return "sign_in";
  return isTransient(status) ? "retry" : "fail";
}

/** Status 0 is a broken connection. 501 (Not Implemented) does not change. */
export function isTransient(status: number): boolean {
  return (
    status === 0 || status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501)
  );
}

/** Decides when to give up. `awakeMs` is the time during which the page ran, so that sleep doesn't count. */
export function createRetryBudget(awakeMs: () => number) {
  let renewedAt = awakeMs();

  return {
    /** Something got further, or time passed that must not count (offline, signed out). */
    renew(): void {
      renewedAt = awakeMs();
    },
    isSpent: (failures: number): boolean =>
      failures >= MAX_FAILURES && awakeMs() - renewedAt >= NO_PROGRESS_LIMIT_MS,
  };
}
