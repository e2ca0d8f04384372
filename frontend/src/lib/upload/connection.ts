// Whether it is worth trying now: what the browser says about the network, checked against what happens.
import type { Bell, Clock } from "./clock";
import type { Network } from "./ports";
import type { Waiting } from "./types";

/** navigator.onLine may be wrong for ever (a machine with loopback alone): so now and then one try goes out anyway. */
const PROBE_MS = 30_000;

interface Entry {
  readonly reason: Waiting["reason"];
  readonly attempt: number;
  readonly until: number;
}

/** Knows who waits for what, so that a person can be told why nothing moves. */
export class WaitBoard {
  private readonly entries = new Set<Entry>();

  constructor(
    private readonly clock: Clock,
    private readonly onChange: () => void,
  ) {}

  async during(reason: Entry["reason"], attempt: number, ms: number, wait: Promise<void>): Promise<void> {
    const entry: Entry = { reason, attempt, until: this.clock.now() + ms };
    this.entries.add(entry);
    this.onChange();
    await wait;
    this.entries.delete(entry);
    this.onChange();
  }

  /** `isMoving`: some part is on its way, so a retry of another is no news. */
  waiting(isMoving: boolean): Waiting | null {
    const entries = [...this.entries];
    if (entries.some((entry) => entry.reason === "signed_out")) return { reason: "signed_out" };
    if (entries.some((entry) => entry.reason === "offline")) return { reason: "offline" };
    if (isMoving || entries.length === 0) return null;
    const soonest = entries.reduce((a, b) => (b.until < a.until ? b : a));
    const resumesInMs = Math.max(0, Math.round(soonest.until - this.clock.now()));
    return { reason: "retrying", attempt: soonest.attempt, resumesInMs };
  }
}

export class Connection {
  private offlineSince: number | null = null;
  private isLost = false;

  constructor(
    private readonly network: Network,
    private readonly clock: Clock,
    private readonly bell: Bell,
    private readonly board: WaitBoard,
  ) {}

  /** What is in flight is left alone: it survives short outages (measured). */
  watch(onBack: () => void): () => void {
    return this.network.subscribe((online) => {
      this.offlineSince = online ? null : this.clock.now();
      if (!online) return;
      this.bell.ring();
      onBack();
    });
  }

  /** What the browser says, until an answer shows otherwise. */
  get isOffline(): boolean {
    return this.offlineSince !== null;
  }

  /** Nothing is on its way to the store any more: who waits for another try is woken by its first sign of life. */
  lost(): void {
    this.isLost = true;
  }

  /**
   * The store answered, or has more bytes than before: an outage of seconds must not cost the half minute of the
   * longest back-off. What the API answers tells nothing of the store.
   */
  found(): void {
    if (!this.isLost) return;
    this.isLost = false;
    this.bell.ringForLine();
  }

  /** An answer to what was asked since then: the network is there, whatever the browser says. */
  answered(askedAt: number): void {
    if (this.offlineSince === null || askedAt <= this.offlineSince) return;
    this.offlineSince = null;
    this.bell.ring();
  }

  /** A request got no answer; true when that is because the machine is offline, and so does not count. */
  broke(): boolean {
    if (!this.network.isOnline()) this.offlineSince ??= this.clock.now();
    return this.offlineSince !== null;
  }

  async ready(signal: AbortSignal): Promise<void> {
    if (this.offlineSince === null) return;
    await this.board.during("offline", 0, PROBE_MS, this.bell.wait(PROBE_MS, signal));
  }
}
