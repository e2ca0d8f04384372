// Tracks whether the network and the store are reachable, by the browser's events and what requests show.
import type { Delays } from "./delays";
import type { Clock, Network } from "./ports";

export function createConnection(network: Network, clock: Clock, delays: Delays) {
  let offlineSince: number | null = null;
  let isStoreLost = false;

  /** Requests in flight continue, because they survive short outages (measured). Returns the function that stops. */
  function watch(onOnline: () => void): () => void {
    return network.subscribe((online) => {
      offlineSince = online ? null : clock.now();
      if (!online) return;
      delays.wake("outage");
      onOnline();
    });
  }

  function isOffline(): boolean {
    return offlineSince !== null;
  }

  /** No part is in flight any more. The store's next sign of life wakes every part that waits for another attempt. */
  function loseStore(): void {
    isStoreLost = true;
  }

  /**
   * The store answered or received more bytes, so no part waits out its long back-off after a short outage. An answer
   * of the API says nothing about the store.
   */
  function reachStore(): void {
    if (!isStoreLost) return;
    isStoreLost = false;
    delays.wake("outage");
  }

  /** A request sent at `sentAt` was answered. If that was after the offline event, the browser is wrong. */
  function answered(sentAt: number): void {
    if (offlineSince === null || sentAt <= offlineSince) return;
    offlineSince = null;
    delays.wake("outage");
  }

  /** Return whether a request got no answer because the machine is offline. Such a failure does not count. */
  function failedOffline(): boolean {
    if (!network.isOnline()) offlineSince ??= clock.now();
    return offlineSince !== null;
  }

  return { watch, isOffline, loseStore, reachStore, answered, failedOffline };
}

export type Connection = ReturnType<typeof createConnection>;
