// Removes the videos of cancelled and failed uploads, also after a long outage or a new sign-in.
import { createDelays } from "./delays";
import type { CreatedUpload, UploaderPorts } from "./ports";
import { ApiFailure } from "./rules/errors";
import { backoffMs, decideCall, MAX_FAILURES } from "./rules/retry";
import type { SessionNews } from "./run-context";

export interface Leftover {
  /** Null if the answer to create was lost. Another create request with the same key returns it. */
  videoId: string | null;
  readonly create: (signal: AbortSignal) => Promise<CreatedUpload>;
  /** A DELETE is on its way. It outlives the page. */
  isAsked?: boolean;
}

export function createRemovals(
  { api, clock, network, random }: UploaderPorts,
  session: Readonly<SessionNews>,
) {
  const delays = createDelays(clock);
  /** Never aborts, because a removal outlives its upload. */
  const { signal } = new AbortController();
  const pending = new Set<Leftover>();
  let stopListening: (() => void) | null = null;
  let wakes = 0;

  /** The network is back, or the user signed in. */
  function wake(): void {
    wakes += 1;
    delays.wake();
  }

  async function add(leftover: Leftover): Promise<void> {
    pending.add(leftover);
    stopListening ??= network.subscribe((online) => online && wake());
    await remove(leftover);
    pending.delete(leftover);
    if (pending.size > 0) return;
    stopListening?.();
    stopListening = null;
  }

  async function remove(leftover: Leftover): Promise<void> {
    let failures = 0;
    while (pending.has(leftover)) {
      // The next cookie may be another user's, in whose account `create` would make the video.
      if (session.isOut) {
        await delays.wait(null, signal);
        continue;
      }
      const wakesBefore = wakes;
      try {
        leftover.videoId ??= (await leftover.create(signal)).video.id;
        leftover.isAsked = true;
        await api.remove(leftover.videoId, signal);
        return;
      } catch (reason) {
        failures += 1;
        leftover.isAsked = false;
        if (!(reason instanceof ApiFailure)) return;
        const action = decideCall(reason.status);
        if (action === "fail") return;
        // Further attempts wait for the network or a sign-in. Without either, the server removes the video.
        const mustWait = action === "sign_in" || failures >= MAX_FAILURES;
        // One of them came while the failed request was in flight.
        if (mustWait && wakes !== wakesBefore) continue;
        await delays.wait(mustWait ? null : backoffMs(failures, random, reason.retryAfterSeconds), signal);
      }
    }
  }

  /** Another user is signed in. */
  function forget(): void {
    for (const leftover of pending) if (leftover.videoId === null) pending.delete(leftover);
    wake();
  }

  /** The page goes away, so nothing waits for the answers. */
  function flush(): void {
    for (const { isAsked, videoId } of pending) if (videoId !== null && !isAsked) api.removeOnUnload(videoId);
  }

  return { add, flush, forget, wake };
}
