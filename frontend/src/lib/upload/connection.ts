// Whether it is worth trying now: what the browser says about the network, checked against what happens.
import type { Bell } from "./delays";
import type { Clock, Network } from "./ports";
import type { Waiting } from "./types";

/** navigator.onLine may be wrong for ever (a machine with loopback alone): so now and then one try goes out anyway. */
const PROBE_MS = 30_000;

interface Entry {
  readonly reason: Waiting["reason"];
  readonly attempt: number;
  readonly until: number;
}

/** Knows who waits for what, so that a person can be told why nothing moves. */
export function createWaitBoard(clock: Clock, onChange: () => void) {
  const entries = new Set<Entry>();

  async function during(
    reason: Entry["reason"],
    attempt: number,
    ms: number,
    wait: Promise<void>,
  ): Promise<void> {
    const entry: Entry = { reason, attempt, until: clock.now() + ms };
    entries.add(entry);
    onChange();
    await wait;
    entries.delete(entry);
    onChange();
  }

  /** `isMoving`: some part is on its way, so a retry of another is no news. */
  function waiting(isMoving: boolean): Waiting | null {
    const waits = [...entries];
    if (waits.some((entry) => entry.reason === "signed_out")) return { reason: "signed_out" };
    if (waits.some((entry) => entry.reason === "offline")) return { reason: "offline" };
    if (isMoving || waits.length === 0) return null;
    const soonest = waits.reduce((a, b) => (b.until < a.until ? b : a));
    const resumesInMs = Math.max(0, Math.round(soonest.until - clock.now()));
    return { reason: "retrying", attempt: soonest.attempt, resumesInMs };
  }

  return { during, waiting };
}

export type WaitBoard = ReturnType<typeof createWaitBoard>;

export function createConnection(network: Network, clock: Clock, bell: Bell, board: WaitBoard) {
  let offlineSince: number | null = null;
  let isLost = false;

  /** What is in flight is left alone: it survives short outages (measured). */
  function watch(onBack: () => void): () => void {
    return network.subscribe((online) => {
      offlineSince = online ? null : clock.now();
      if (!online) return;
      bell.ringForLine();
      onBack();
    });
  }

  /** What the browser says, until an answer shows otherwise. */
  function isOffline(): boolean {
    return offlineSince !== null;
  }

  /** Nothing is on its way to the store any more: who waits for another try is woken by its first sign of life. */
  function lost(): void {
    isLost = true;
  }

  /**
   * The store answered, or has more bytes than before: an outage of seconds must not cost the half minute of the
   * longest back-off. What the API answers tells nothing of the store.
   */
  function found(): void {
    if (!isLost) return;
    isLost = false;
    bell.ringForLine();
  }

  /** An answer to what was asked since then: the network is there, whatever the browser says. */
  function answered(askedAt: number): void {
    if (offlineSince === null || askedAt <= offlineSince) return;
    offlineSince = null;
    bell.ringForLine();
  }

  /** A request got no answer; true when that is because the machine is offline, and so does not count. */
  function broke(): boolean {
    if (!network.isOnline()) offlineSince ??= clock.now();
    return offlineSince !== null;
  }

  async function ready(signal: AbortSignal): Promise<void> {
    if (offlineSince === null) return;
    await board.during("offline", 0, PROBE_MS, bell.wait(PROBE_MS, signal, true));
  }

  return { watch, isOffline, lost, found, answered, broke, ready };
}

export type Connection = ReturnType<typeof createConnection>;
