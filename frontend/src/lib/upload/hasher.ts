// The MD5 worker seen from the page: one order, one reply; a worker that cannot start costs the hash, not the upload.
import type { PartHash, PartHasher } from "./ports";

export interface HashOrder {
  readonly id: number;
  readonly slice: Blob;
}

export interface HashReply {
  readonly id: number;
  readonly hash: PartHash;
}

/** What is used of a Worker. */
export interface HashWorker {
  onmessage: ((event: MessageEvent<HashReply>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
  postMessage(order: HashOrder): void;
  terminate(): void;
}

const UNAVAILABLE: PartHash = { kind: "unavailable" };

interface Crew {
  readonly worker: HashWorker;
  readonly orders: Map<number, (hash: PartHash) => void>;
}

export class WorkerHasher implements PartHasher {
  private crews: Crew[] = [];
  private nextId = 1;

  constructor(
    private readonly spawn: () => HashWorker,
    /** One worker reads and hashes 170 to 400 MB/s (measured); faster lines need a second. */
    private readonly mostWorkers = 1,
  ) {}

  md5(slice: Blob, signal: AbortSignal): Promise<PartHash> {
    if (signal.aborted) return Promise.resolve(UNAVAILABLE);
    return new Promise((resolve) => {
      const id = this.nextId++;
      let orders: Crew["orders"] | null = null;
      const abort = () => settle(UNAVAILABLE);
      const settle = (hash: PartHash) => {
        orders?.delete(id);
        signal.removeEventListener("abort", abort);
        resolve(hash);
      };
      signal.addEventListener("abort", abort);
      try {
        const crew = this.leastBusy();
        orders = crew.orders;
        orders.set(id, settle);
        crew.worker.postMessage({ id, slice });
      } catch {
        settle(UNAVAILABLE);
      }
    });
  }

  warmUp(): void {
    try {
      if (this.crews.length === 0) this.hire();
    } catch {
      // No workers here: the parts go without a hash.
    }
  }

  rest(): void {
    for (const { worker, orders } of this.crews.splice(0)) {
      worker.terminate();
      for (const settle of [...orders.values()]) settle(UNAVAILABLE);
    }
  }

  private leastBusy(): Crew {
    const idle = this.crews.find((crew) => crew.orders.size === 0);
    if (idle !== undefined) return idle;
    if (this.crews.length < this.mostWorkers) return this.hire();
    return this.crews.reduce((a, b) => (b.orders.size < a.orders.size ? b : a));
  }

  private hire(): Crew {
    const crew: Crew = { worker: this.spawn(), orders: new Map() };
    crew.worker.onmessage = ({ data }) => crew.orders.get(data.id)?.(data.hash);
    // Blocked by a policy, not found, or crashed: nobody waits for it.
    crew.worker.onerror = () => this.rest();
    crew.worker.onmessageerror = () => this.rest();
    this.crews.push(crew);
    return crew;
  }
}
