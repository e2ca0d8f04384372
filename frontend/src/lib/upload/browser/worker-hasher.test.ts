import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { hexToBase64 } from "../hash-ahead";
import { createWorkerHasher, type HashJob, type HashReply, type HashWorker } from "./worker-hasher";

class FakeWorker implements HashWorker {
  onmessage: HashWorker["onmessage"] = null;
  onerror: HashWorker["onerror"] = null;
  onmessageerror: HashWorker["onmessageerror"] = null;
  readonly jobs: HashJob[] = [];
  isTerminated = false;

  postMessage(job: HashJob): void {
    this.jobs.push(job);
  }

  terminate(): void {
    this.isTerminated = true;
  }

  reply(reply: HashReply): void {
    this.onmessage?.({ data: reply } as MessageEvent<HashReply>); // only data is read
  }
}

describe("createWorkerHasher", () => {
  const slice = new Blob(["x"]);

  function spawning() {
    const workers: FakeWorker[] = [];
    const hasher = createWorkerHasher(() => {
      const worker = new FakeWorker();
      workers.push(worker);
      return worker;
    });
    return { workers, hasher };
  }

  it("gives all jobs to one worker, pairs replies with jobs, and releases", async () => {
    const { workers, hasher } = spawning();
    const { signal } = new AbortController();
    const hashes = [1, 2, 3, 4].map(() => hasher.md5(slice, signal));
    expect(workers.map((worker) => worker.jobs.length)).toEqual([4]);
    for (const worker of workers)
      for (const { id } of [...worker.jobs].reverse())
        worker.reply({ id, hash: { kind: "md5", hex: `0${id}` } });
    expect(await Promise.all(hashes)).toEqual(["01", "02", "03", "04"].map((hex) => ({ kind: "md5", hex })));
    expect(getEventListeners(signal, "abort")).toEqual([]);
    hasher.release();
    expect(workers.map((worker) => worker.isTerminated)).toEqual([true]);
    void hasher.md5(slice, signal);
    expect(workers).toHaveLength(2);
  });

  it("keeps new workers when a worker that it released reports an error", () => {
    const { workers, hasher } = spawning();
    hasher.warmUp();
    hasher.release();
    void hasher.md5(slice, new AbortController().signal);
    workers[0]?.onerror?.({} as ErrorEvent); // the event itself is not read
    expect(workers[1]?.isTerminated).toBe(false);
  });

  it("warms up the worker, which the first job finds ready", () => {
    const { workers, hasher } = spawning();
    hasher.warmUp();
    hasher.warmUp();
    void hasher.md5(slice, new AbortController().signal);
    expect(workers.map((worker) => worker.jobs.length)).toEqual([1]);

    const blocked = createWorkerHasher(() => {
      throw new DOMException("blocked by policy", "SecurityError");
    });
    expect(() => blocked.warmUp()).not.toThrow();
  });

  it("answers unavailable when the worker breaks, cannot start, or the caller stops", async () => {
    const worker = new FakeWorker();
    const { signal } = new AbortController();
    const breaking = createWorkerHasher(() => worker);
    const pending = breaking.md5(slice, signal);
    worker.onerror?.({} as ErrorEvent); // the event itself is not read
    expect(await pending).toEqual({ kind: "unavailable" });

    const blocked = createWorkerHasher(() => {
      throw new DOMException("blocked by policy", "SecurityError");
    });
    expect(await blocked.md5(slice, signal)).toEqual({ kind: "unavailable" });

    const controller = new AbortController();
    const stopped = createWorkerHasher(() => new FakeWorker()).md5(slice, controller.signal);
    controller.abort();
    expect(await stopped).toEqual({ kind: "unavailable" });
  });
});

it("writes a hex MD5 as base64", () => {
  expect(hexToBase64("d41d8cd98f00b204e9800998ecf8427e")).toBe("1B2M2Y8AsgTpgAmY7PhCfg==");
});
