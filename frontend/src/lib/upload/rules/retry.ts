// What to do after a request did not succeed: pure rules over status, store code and counters.

/** Full jitter (AWS architecture blog): waits between 0 and a ceiling that doubles up to half a minute. */
const BACKOFF_FIRST_MS = 500;
const BACKOFF_LIMIT_MS = 30_000;
/** A server that asks for more is asked again sooner: people watch. */
const RETRY_AFTER_LIMIT_MS = 120_000;

/** An upload ends for lack of network only when both are used up: some outages last longer than eight tries. */
export const MAX_FAILURES = 8;
export const NO_PROGRESS_LIMIT_MS = 600_000;

export function backoffMs(failures: number, random: () => number, retryAfterSeconds: number | null): number {
  const ceiling = Math.min(BACKOFF_LIMIT_MS, BACKOFF_FIRST_MS * 2 ** Math.max(0, failures - 1));
  const jitter = random() * ceiling;
  // Jitter on top of Retry-After: six lanes told the same second must not come back together. Never sooner than
  // without it: one second, said each time, would send the same part hundreds of times.
  const asked = Math.min(RETRY_AFTER_LIMIT_MS, (retryAfterSeconds ?? 0) * 1000) + Math.min(jitter, 1000);
  return Math.max(jitter, asked);
}

/**
 * again: the same request may succeed. renew: a new URL, from the API, which also tells when the upload is gone.
 * rehash: the bytes arrived changed. refused: final.
 */
export type PartVerdict = "sent" | "again" | "renew" | "rehash" | "refused";

export function judgePart(status: number, storeCode: string | null): PartVerdict {
  if (status >= 200 && status < 300) return "sent";
  if (status === 403 || status === 404) return "renew";
  if (status === 400) {
    if (storeCode === "RequestTimeout" || storeCode === "IncompleteBody") return "again";
    if (storeCode === "BadDigest" || storeCode === "InvalidDigest") return "rehash";
    if (storeCode === "ExpiredToken" || storeCode === "RequestExpired") return "renew";
    return "refused";
  }
  return mayPass(status) ? "again" : "refused";
}

export type CallVerdict = "again" | "sign_in" | "final";

export function judgeCall(status: number): CallVerdict {
  if (status === 401) return "sign_in";
  return mayPass(status) ? "again" : "final";
}

/** 0 is a broken connection, 501 says "never". */
export function mayPass(status: number): boolean {
  return (
    status === 0 || status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501)
  );
}

/**
 * When to stop trying: only after many failures and a long time without any progress. `awakeMs` is the time in which
 * the page ran, so that no sleep counts.
 */
export function createRetryBudget(awakeMs: () => number) {
  let progressAt = awakeMs();

  /** Something moved forward; also after time that must not count: offline, signed out. */
  function renew(): void {
    progressAt = awakeMs();
  }

  function isOver(failures: number): boolean {
    return failures >= MAX_FAILURES && awakeMs() - progressAt >= NO_PROGRESS_LIMIT_MS;
  }

  return { renew, isOver };
}

export type RetryBudget = ReturnType<typeof createRetryBudget>;
