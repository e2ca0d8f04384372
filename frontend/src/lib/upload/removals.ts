// Takes away what nobody will go on with, however long the network or the session is away.
import { createDelays } from "./delays";
import type { CreatedUpload, UploaderPorts } from "./ports";
import { ApiFailure } from "./rules/errors";
import { backoffMs, decideCall, MAX_FAILURES } from "./rules/retry";

export interface Leftover {
  /** Null: the answer to create is lost, not the video, and the same key names it. */
  videoId: string | null;
  readonly createAgain: (signal: AbortSignal) => Promise<CreatedUpload>;
}

export function createRemovals({ api, clock, network, random }: UploaderPorts) {
  const delays = createDelays(clock);
  /** Never aborts: a removal outlives its upload. */
  const { signal } = new AbortController();
  const pending = new Set<Leftover>();
  let stopListening: (() => void) | null = null;
  let wakes = 0;

  /** The network is back, or somebody signed in. */
  function wake(): void {
    wakes += 1;
    delays.wakeAll();
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
    for (let failures = 1; ; failures += 1) {
      const wakesBefore = wakes;
      try {
        leftover.videoId ??= (await leftover.createAgain(signal)).video.id;
        await api.remove(leftover.videoId, signal);
        return;
      } catch (reason) {
        if (!(reason instanceof ApiFailure)) return;
        const action = decideCall(reason.status);
        if (action === "fail") return;
        // After enough tries of its own it waits to be woken, or is left to the server.
        const isVain = action === "sign_in" || failures >= MAX_FAILURES;
        // Woken while the request that failed was still on its way.
        if (isVain && wakes !== wakesBefore) continue;
        await delays.wait(isVain ? null : backoffMs(failures, random, reason.retryAfterSeconds), signal);
      }
    }
  }

  /** The page goes away: the last chance. */
  function flush(): void {
    for (const { videoId } of pending) if (videoId !== null) api.removeOnUnload(videoId);
  }

  return { add, flush, signedIn: wake };
}
