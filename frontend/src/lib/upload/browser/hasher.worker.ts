// Computes MD5s in a worker.
import { createSliceHasher } from "./hash-slice";
import { createLanes } from "./md5-lanes";
import type { HashJob, HashReply } from "./worker-hasher";

/** What is used of the worker's scope. The types of the page's `window` do not fit. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<HashJob>) => void) | null;
  postMessage(reply: HashReply, transfer: Transferable[]): void;
}

const scope = self as unknown as WorkerScope; // this file runs in a worker, but is compiled with the DOM's types
const hashSlice = createSliceHasher(createLanes());

scope.onmessage = async ({ data: { id, slice, keepsBytes } }) => {
  const hash = await hashSlice(slice, keepsBytes);
  scope.postMessage({ id, hash }, "bytes" in hash && hash.bytes ? [hash.bytes.buffer] : []);
};
