import { createHash, randomBytes } from "node:crypto";
import { getEventListeners } from "node:events";
import { createMD5 } from "hash-wasm";
import { describe, expect, it } from "vitest";
import { hexToBase64 } from "./hash-ahead";
import { hashSlice } from "./hash-slice";
import { type HashOrder, type HashReply, type HashWorker, WorkerHasher } from "./hasher";
import { MIB } from "./testing";

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
    // A buffer that was moved away is empty: its memory is not waiting for the collector.
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
  readonly orders: HashOrder[] = [];
  isTerminated = false;

  postMessage(order: HashOrder): void {
    this.orders.push(order);
  }

  terminate(): void {
    this.isTerminated = true;
  }

  reply(reply: HashReply): void {
    this.onmessage?.({ data: reply } as MessageEvent<HashReply>); // only data is read
  }
}

describe("WorkerHasher", () => {
  const slice = new Blob(["x"]);

  it("pairs replies with orders, starts one worker, and rests", async () => {
    const workers: FakeWorker[] = [];
    const hasher = new WorkerHasher(() => {
      const worker = new FakeWorker();
      workers.push(worker);
      return worker;
    });
    const { signal } = new AbortController();
    const first = hasher.md5(slice, signal);
    const second = hasher.md5(slice, signal);
    const [one, two] = workers[0]?.orders ?? [];
    workers[0]?.reply({ id: two?.id ?? 0, hash: { kind: "md5", hex: "02" } });
    workers[0]?.reply({ id: one?.id ?? 0, hash: { kind: "md5", hex: "01" } });
    expect(await first).toEqual({ kind: "md5", hex: "01" });
    expect(await second).toEqual({ kind: "md5", hex: "02" });
    expect(getEventListeners(signal, "abort")).toEqual([]);
    hasher.rest();
    expect(workers.map((worker) => worker.isTerminated)).toEqual([true]);
    void hasher.md5(slice, signal);
    expect(workers).toHaveLength(2);
  });

  it("warms up one worker, which the first order finds ready", async () => {
    const workers: FakeWorker[] = [];
    const hasher = new WorkerHasher(() => {
      const worker = new FakeWorker();
      workers.push(worker);
      return worker;
    });
    hasher.warmUp();
    hasher.warmUp();
    expect(workers).toHaveLength(1);
    void hasher.md5(slice, new AbortController().signal);
    expect(workers[0]?.orders).toHaveLength(1);
    expect(workers).toHaveLength(1);

    const blocked = new WorkerHasher(() => {
      throw new DOMException("blocked by policy", "SecurityError");
    });
    expect(() => blocked.warmUp()).not.toThrow();
  });

  it("answers unavailable when the worker breaks, cannot start, or the caller stops", async () => {
    const worker = new FakeWorker();
    const { signal } = new AbortController();
    const breaking = new WorkerHasher(() => worker);
    const pending = breaking.md5(slice, signal);
    worker.onerror?.({} as ErrorEvent); // the event itself is not read
    expect(await pending).toEqual({ kind: "unavailable" });

    const blocked = new WorkerHasher(() => {
      throw new DOMException("blocked by policy", "SecurityError");
    });
    expect(await blocked.md5(slice, signal)).toEqual({ kind: "unavailable" });

    const controller = new AbortController();
    const stopped = new WorkerHasher(() => new FakeWorker()).md5(slice, controller.signal);
    controller.abort();
    expect(await stopped).toEqual({ kind: "unavailable" });
  });
});

it("writes a hex MD5 as base64", () => {
  expect(hexToBase64("d41d8cd98f00b204e9800998ecf8427e")).toBe("1B2M2Y8AsgTpgAmY7PhCfg==");
});
