// The MD5 worker seen from the page: one order, one reply; a worker that cannot start costs the hash, not the upload.
import type { PartHash, PartHasher } from "../ports";

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

/** One reads and hashes 170 to 400 MB/s; a second gains 20 to 40 % on a fast line, also on two cores (measured). */
const MOST_WORKERS = 2;

interface Crew {
  readonly worker: HashWorker;
  readonly orders: Map<number, (hash: PartHash) => void>;
}

export function createWorkerHasher(spawn: () => HashWorker): PartHasher {
  const crews: Crew[] = [];
  let nextId = 1;

  function md5(slice: Blob, signal: AbortSignal): Promise<PartHash> {
    if (signal.aborted) return Promise.resolve(UNAVAILABLE);
    return new Promise((resolve) => {
      const id = nextId++;
      let orders: Crew["orders"] | null = null;
      const abort = () => settle(UNAVAILABLE);
      const settle = (hash: PartHash) => {
        orders?.delete(id);
        signal.removeEventListener("abort", abort);
        resolve(hash);
      };
      signal.addEventListener("abort", abort);
      try {
        const crew = leastBusy();
        orders = crew.orders;
        orders.set(id, settle);
        crew.worker.postMessage({ id, slice });
      } catch {
        settle(UNAVAILABLE);
      }
    });
  }

  function warmUp(): void {
    try {
      while (crews.length < MOST_WORKERS) hire();
    } catch {
      // No workers here: the parts go without a hash.
    }
  }

  function release(): void {
    for (const { worker, orders } of crews.splice(0)) {
      worker.terminate();
      for (const settle of [...orders.values()]) settle(UNAVAILABLE);
    }
  }

  function leastBusy(): Crew {
    const idle = crews.find((crew) => crew.orders.size === 0);
    if (idle !== undefined) return idle;
    if (crews.length < MOST_WORKERS) return hire();
    return crews.reduce((a, b) => (b.orders.size < a.orders.size ? b : a));
  }

  function hire(): Crew {
    const crew: Crew = { worker: spawn(), orders: new Map() };
    crew.worker.onmessage = ({ data }) => crew.orders.get(data.id)?.(data.hash);
    // Blocked by a policy, not found, or crashed: nobody waits for it.
    crew.worker.onerror = () => release();
    crew.worker.onmessageerror = () => release();
    crews.push(crew);
    return crew;
  }

  return { md5, warmUp, release };
}
