// Computes MD5 off the main thread: reads each slice in small pieces, so that memory stays flat at any part size.
import { createMD5 } from "hash-wasm";
import { hashSlice } from "./hash-slice";
import type { HashOrder, HashReply } from "./worker-hasher";

/** The worker's own scope, as far as it is used: the page's `window` types do not fit here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<HashOrder>) => void) | null;
  postMessage(reply: HashReply): void;
}

const scope = self as unknown as WorkerScope; // this file runs in a worker, but is compiled with the DOM's types
const md5 = createMD5();
let last: Promise<void> = Promise.resolve();

scope.onmessage = ({ data }) => {
  // One after another: the state of one hash is shared, and order is what the sender waits in.
  last = last.then(async () => {
    try {
      scope.postMessage({ id: data.id, hash: await hashSlice(data.slice, await md5) });
    } catch {
      scope.postMessage({ id: data.id, hash: { kind: "unavailable" } });
    }
  });
};
