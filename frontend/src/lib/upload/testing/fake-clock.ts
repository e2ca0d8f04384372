// A clock that moves only when a test advances it.
import { setImmediate as settle } from "node:timers/promises";
import type { Clock } from "../ports";

export const T0 = Date.parse("2026-11-22T12:00:00Z");

export class FakeClock implements Clock {
  /** What timers count. It stands still while the machine sleeps. */
  private awake = 0;
  private slept = 0;
  private wrongBy = 0;
  private readonly timers = new Map<number, { at: number; callback: () => void }>();
  private nextTimer = 1;

  now(): number {
    return this.trueNow() + this.wrongBy;
  }

  /** What the servers' clocks say. */
  trueNow(): number {
    return T0 + this.awake + this.slept;
  }

  after(ms: number, callback: () => void): () => void {
    const id = this.nextTimer++;
    this.timers.set(id, { at: this.awake + Math.max(0, ms), callback });
    return () => this.timers.delete(id);
  }

  get pending(): number {
    return this.timers.size;
  }

  /** Lets promises settle without time passing. */
  async settle(): Promise<void> {
    await settle();
  }

  /** Runs every timer due within `ms`, in order, letting promises settle between them. */
  async advance(ms: number, until: () => boolean = () => false): Promise<void> {
    const end = this.awake + ms;
    await settle();
    while (!until()) {
      let due: { id: number; at: number; callback: () => void } | null = null;
      for (const [id, timer] of this.timers)
        if (timer.at <= end && (due === null || timer.at < due.at)) due = { id, ...timer };
      if (due === null) {
        this.awake = end;
        return;
      }
      this.timers.delete(due.id);
      this.awake = due.at;
      due.callback();
      await settle();
    }
  }

  /** The machine sleeps. Time passes, and no timer fires. */
  sleep(ms: number): void {
    this.slept += ms;
  }

  /** The browser freezes the page. When it goes on, the timers that came due meanwhile are the first to be heard. */
  freeze(ms: number): void {
    this.awake += ms;
    for (const timer of this.timers.values()) timer.at = Math.max(timer.at, this.awake);
  }

  /** Somebody sets the machine's clock. */
  set(ms: number): void {
    this.wrongBy += ms;
  }
}
