import { createHash, randomBytes } from "node:crypto";
import { getEventListeners } from "node:events";
import { createMD5 } from "hash-wasm";
import { describe, expect, it } from "vitest";
import { hexToBase64 } from "../hash-ahead";
import { MIB } from "../testing";
import { hashSlice } from "./hash-slice";
import { createWorkerHasher, type HashJob, type HashReply, type HashWorker } from "./worker-hasher";

describe("hashSlice", () => {
  it.each([0, 1, 2 * MIB - 1, 2 * MIB, 2 * MIB + 1, 5 * MIB + 3])("is MD5 for %i bytes", async (size) => {
    const bytes = randomBytes(size);
    const hash = await hashSlice(new Blob([bytes]), await createMD5());
    expect(hash).toEqual({ kind: "md5", hex: createHash("md5").update(bytes).digest("hex") });
  });

  it("reads no more than 2 MiB at a time, at most one piece ahead, and gives each back", async () => {
    let open = 0;
    let most = 0;
    const pieces: ArrayBuffer[] = [];
    const slice = {
      size: 7 * MIB,
      slice: (start: number, end: number) => ({
        arrayBuffer: async () => {
          most = Math.max(most, ++open);
          const piece = new ArrayBuffer(end - start);
          expect(piece.byteLength).toBeLessThanOrEqual(2 * MIB);
          pieces.push(piece);
          return piece;
        },
      }),
    } as unknown as Blob; // only size, slice and arrayBuffer are used
    let hashed = 0;
    const hash = {
      init: () => undefined,
      update: (bytes: Uint8Array) => {
        open--;
        hashed += bytes.length;
      },
      digest: () => "00",
    };
    await hashSlice(slice, hash);
    expect(hashed).toBe(7 * MIB);
    expect(most).toBeLessThanOrEqual(2);
    // A buffer that was moved away is empty, so its memory does not wait for the garbage collector.
    expect(pieces.map((piece) => piece.byteLength)).toEqual(pieces.map(() => 0));
  });

  it("says when the bytes cannot be read, or are fewer than they should be", async () => {
    const broken = (arrayBuffer: () => Promise<ArrayBuffer>) =>
      ({ size: 10, slice: () => ({ arrayBuffer }) }) as unknown as Blob; // as above
    const md5 = await createMD5();
    const rejects = broken(() => Promise.reject(new DOMException("gone", "NotReadableError")));
    expect(await hashSlice(rejects, md5)).toEqual({ kind: "unreadable" });
    expect(
      await hashSlice(
        broken(() => Promise.resolve(new ArrayBuffer(3))),
        md5,
      ),
    ).toEqual({
      kind: "unreadable",
    });
  });
});

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

  function sloted() {
    const workers: FakeWorker[] = [];
    const hasher = createWorkerHasher(() => {
      const worker = new FakeWorker();
      workers.push(worker);
      return worker;
    });
    return { workers, hasher };
  }

  it("shares jobs between two workers, pairs replies with jobs, and releases", async () => {
    const { workers, hasher } = sloted();
    const { signal } = new AbortController();
    const hashes = [1, 2, 3, 4].map(() => hasher.md5(slice, signal));
    expect(workers.map((worker) => worker.jobs.length)).toEqual([2, 2]);
    for (const worker of workers)
      for (const { id } of [...worker.jobs].reverse())
        worker.reply({ id, hash: { kind: "md5", hex: `0${id}` } });
    expect(await Promise.all(hashes)).toEqual(["01", "02", "03", "04"].map((hex) => ({ kind: "md5", hex })));
    expect(getEventListeners(signal, "abort")).toEqual([]);
    hasher.release();
    expect(workers.map((worker) => worker.isTerminated)).toEqual([true, true]);
    void hasher.md5(slice, signal);
    expect(workers).toHaveLength(3);
  });

  it("warms up the workers, which the first jobs find ready", () => {
    const { workers, hasher } = sloted();
    hasher.warmUp();
    hasher.warmUp();
    expect(workers).toHaveLength(2);
    void hasher.md5(slice, new AbortController().signal);
    expect(workers.flatMap((worker) => worker.jobs)).toHaveLength(1);
    expect(workers).toHaveLength(2);

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
