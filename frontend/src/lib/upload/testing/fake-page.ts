// The network state and the page guards, driven by a test.
import type { Guards, Network } from "../ports";

export class FakeNetwork implements Network {
  online = true;
  readonly listeners = new Set<(online: boolean) => void>();

  isOnline(): boolean {
    return this.online;
  }

  subscribe(listener: (online: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  go(online: boolean): void {
    this.online = online;
    for (const listener of [...this.listeners]) listener(online);
  }
}

export class FakeGuards implements Guards {
  held = 0;
  holds = 0;
  readonly listeners = new Set<() => void>();

  hold(): () => void {
    this.held += 1;
    this.holds += 1;
    return () => {
      this.held -= 1;
    };
  }

  onPageGone(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  leave(): void {
    for (const listener of [...this.listeners]) listener();
  }
}
