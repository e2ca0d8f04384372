// Computes MD5s in workers. If no worker starts, the parts are sent without MD5.
import type { PartHash, PartHasher } from "../ports";

export interface HashJob {
  readonly id: number;
  readonly slice: Blob;
  readonly keepsBytes: boolean;
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
  postMessage(job: HashJob): void;
  terminate(): void;
}

const UNAVAILABLE: PartHash = { kind: "unavailable" };

/** One worker reads and hashes 170 to 400 MB/s. A second one gains 20 to 40 % on a fast connection (measured). */
const MAX_WORKERS = 2;

interface Slot {
  readonly worker: HashWorker;
  readonly jobs: Map<number, (hash: PartHash) => void>;
}

export function createWorkerHasher(spawn: () => HashWorker): PartHasher {
  const slots: Slot[] = [];
  let nextId = 1;

  function md5(slice: Blob, signal: AbortSignal, keepsBytes = false): Promise<PartHash> {
    if (signal.aborted) return Promise.resolve(UNAVAILABLE);
    return new Promise((resolve) => {
      const id = nextId++;
      let jobs: Slot["jobs"] | null = null;
      const abort = () => settle(UNAVAILABLE);
      const settle = (hash: PartHash) => {
        jobs?.delete(id);
        signal.removeEventListener("abort", abort);
        resolve(hash);
      };
      signal.addEventListener("abort", abort);
      try {
        const slot = leastBusy();
        jobs = slot.jobs;
        jobs.set(id, settle);
        slot.worker.postMessage({ id, slice, keepsBytes });
      } catch {
        settle(UNAVAILABLE);
      }
    });
  }

  function warmUp(): void {
    try {
      while (slots.length < MAX_WORKERS) startWorker();
    } catch {
      // Workers are blocked, so the parts are sent without MD5.
    }
  }

  function release(): void {
    for (const { worker, jobs } of slots.splice(0)) {
      worker.terminate();
      for (const settle of [...jobs.values()]) settle(UNAVAILABLE);
    }
  }

  /** The others may be as broken. An error that comes after the end must not reach the workers that followed. */
  function lose(slot: Slot): void {
    if (slots.includes(slot)) release();
  }

  function leastBusy(): Slot {
    const idle = slots.find((slot) => slot.jobs.size === 0);
    if (idle !== undefined) return idle;
    if (slots.length < MAX_WORKERS) return startWorker();
    return slots.reduce((a, b) => (b.jobs.size < a.jobs.size ? b : a));
  }

  function startWorker(): Slot {
    const slot: Slot = { worker: spawn(), jobs: new Map() };
    slot.worker.onmessage = ({ data }) => slot.jobs.get(data.id)?.(data.hash);
    // It is blocked by a policy, not found, or has crashed.
    slot.worker.onerror = () => lose(slot);
    slot.worker.onmessageerror = () => lose(slot);
    slots.push(slot);
    return slot;
  }

  return { md5, warmUp, release };
}
