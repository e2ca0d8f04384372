// Computes MD5s in a worker.
import { createMD5 } from "hash-wasm";
import { hashSlice } from "./hash-slice";
import type { HashJob, HashReply } from "./worker-hasher";

/** What is used of the worker's scope. The types of the page's `window` do not fit. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<HashJob>) => void) | null;
  postMessage(reply: HashReply): void;
}

const scope = self as unknown as WorkerScope; // this file runs in a worker, but is compiled with the DOM's types
const md5 = createMD5();
let last: Promise<void> = Promise.resolve();

scope.onmessage = ({ data }) => {
  // One after another, because all slices share the state of one hash.
  last = last.then(async () => {
    try {
      scope.postMessage({ id: data.id, hash: await hashSlice(data.slice, await md5) });
    } catch {
      scope.postMessage({ id: data.id, hash: { kind: "unavailable" } });
    }
  });
};
