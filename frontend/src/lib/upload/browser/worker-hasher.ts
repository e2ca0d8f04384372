// Computes MD5s in a worker. If it does not start, the parts are sent without MD5.
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

/** One worker is enough, because it hashes four parts at once. */
export function createWorkerHasher(spawn: () => HashWorker): PartHasher {
  const jobs = new Map<number, (hash: PartHash) => void>();
  let worker: HashWorker | null = null;
  let nextId = 1;

  function md5(slice: Blob, signal: AbortSignal, keepsBytes = false): Promise<PartHash> {
    if (signal.aborted) return Promise.resolve(UNAVAILABLE);
    return new Promise((resolve) => {
      const id = nextId++;
      const abort = () => settle(UNAVAILABLE);
      const settle = (hash: PartHash) => {
        jobs.delete(id);
        signal.removeEventListener("abort", abort);
        resolve(hash);
      };
      signal.addEventListener("abort", abort);
      jobs.set(id, settle);
      try {
        start().postMessage({ id, slice, keepsBytes });
      } catch {
        settle(UNAVAILABLE);
      }
    });
  }

  function warmUp(): void {
    try {
      start();
    } catch {
      // Workers are blocked, so the parts are sent without MD5.
    }
  }

  function release(): void {
    worker?.terminate();
    worker = null;
    for (const settle of jobs.values()) settle(UNAVAILABLE);
  }

  function start(): HashWorker {
    if (worker !== null) return worker;
    const started = spawn();
    worker = started;
    started.onmessage = ({ data }) => jobs.get(data.id)?.(data.hash);
    // It is blocked by a policy, not found, or has crashed. An event of an earlier worker must not end a later one.
    started.onerror = started.onmessageerror = () => {
      if (worker === started) release();
    };
    return started;
  }

  return { md5, warmUp, release };
}
