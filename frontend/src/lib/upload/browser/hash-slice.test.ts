import { createHash, randomBytes } from "node:crypto";
import { createMD5 } from "hash-wasm";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PartHash } from "../ports";
import { MIB } from "../testing";
import { createSliceHasher } from "./hash-slice";

const KIB = 1024;
type Pull = (controller: ReadableByteStreamController, at: number) => unknown;

/** A slice of these bytes. `pull` may answer a read from this position itself by returning true. */
function sliceOf(bytes: Uint8Array, type: "bytes" | undefined, pull: Pull = () => false, start = 0): Blob {
  const source = (at = start) => ({
    type,
    async pull(controller: ReadableByteStreamController) {
      if (await pull(controller, at)) return;
      const wanted = controller.byobRequest?.view?.byteLength ?? 64 * KIB;
      const chunk = new Uint8Array(bytes.subarray(at, at + wanted)); // a copy, which the stream may take
      at += chunk.length;
      if (chunk.length === 0) controller.close();
      else controller.enqueue(chunk);
    },
  });
  const slice = {
    size: bytes.length - start,
    slice: (from: number) => sliceOf(bytes, type, pull, start + from),
    stream: () => new ReadableStream(source() as UnderlyingByteSource),
  };
  return slice as unknown as Blob; // only these are used
}

function md5Of(bytes: Uint8Array): PartHash {
  return { kind: "md5", hex: createHash("md5").update(bytes).digest("hex") };
}

/** Needs no WebAssembly, whose compilation no fake clock can wait for. */
async function nodeMd5() {
  let hash = createHash("md5");
  return {
    init: () => {
      hash = createHash("md5");
    },
    update: (bytes: Uint8Array) => hash.update(bytes),
    digest: () => hash.digest("hex"),
  };
}

const never = () => new Promise(() => undefined);

describe.each(["bytes", undefined] as const)("a slice whose stream has the type %s", (type) => {
  it.each([0, 1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 5 * MIB + 3])(
    "has its MD5 with %i bytes",
    async (size) => {
      const bytes = randomBytes(size);
      const hash = createSliceHasher(createMD5);
      expect(await hash(sliceOf(bytes, type))).toEqual(md5Of(bytes));
      const kept = await hash(sliceOf(bytes, type), true);
      expect(kept).toMatchObject(md5Of(bytes));
      // toEqual compares bytes one by one, which takes minutes.
      expect("bytes" in kept && kept.bytes && Buffer.from(kept.bytes).equals(bytes)).toBe(true);
    },
  );

  it("is unreadable if the stream ends early or breaks", async () => {
    const hash = createSliceHasher(createMD5);
    const shorter: Pull = (controller, at) => {
      if (at === 0) return false;
      controller.close();
      controller.byobRequest?.respond(0);
      return true;
    };
    expect(await hash(sliceOf(randomBytes(MIB), type, shorter))).toEqual({ kind: "unreadable" });
    const breaks: Pull = (_, at) => at > 0 && Promise.reject(new DOMException("gone", "NotReadableError"));
    expect(await hash(sliceOf(randomBytes(MIB), type, breaks))).toEqual({ kind: "unreadable" });
  });

  it("is read without new memory for each chunk", async () => {
    const given = new Set<ArrayBufferLike>();
    const hash = {
      init: vi.fn(),
      update: (bytes: Uint8Array) => given.add(bytes.buffer),
      digest: () => "00",
    };
    const hashSlice = createSliceHasher(async () => hash);
    for (const size of [2 * MIB, 3 * MIB]) await hashSlice(sliceOf(new Uint8Array(size), type));
    const alive = [...given].filter((buffer) => buffer.byteLength > 0);
    expect(alive.length).toBeLessThanOrEqual(1);
    expect(alive.every((buffer) => buffer.byteLength === 256 * KIB)).toBe(true);
  });
});

describe("a read that stays pending", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const bytes = randomBytes(MIB);

  it.each(["bytes", undefined] as const)(
    "is given up, and a new stream reads the rest (%s)",
    async (type) => {
      let hangs = 3;
      const pull: Pull = (_, at) => at > 0 && hangs-- > 0 && never();
      const hash = createSliceHasher(nodeMd5)(sliceOf(bytes, type, pull));
      await vi.advanceTimersByTimeAsync(15_000);
      expect(await hash).toEqual(md5Of(bytes));
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it("does not hold the slices behind it", async () => {
    const order: string[] = [];
    const hash = createSliceHasher(nodeMd5);
    const add = (name: string, pull?: Pull) =>
      hash(sliceOf(bytes, "bytes", pull)).then(({ kind }) => order.push(`${name} ${kind}`));
    const all = [add("hung", never), add("second"), add("third")];
    await vi.advanceTimersByTimeAsync(5_000);
    await Promise.all(all.slice(1));
    await vi.advanceTimersByTimeAsync(24_999);
    expect(order).toEqual(["second md5", "third md5"]);
    await vi.advanceTimersByTimeAsync(1);
    await all[0];
    expect(order.at(-1)).toBe("hung late");
    expect(vi.getTimerCount()).toBe(0);
  });
});

it("hashes one slice after another, so that the first is ready soon", async () => {
  let open = 0;
  let most = 0;
  const hash = createSliceHasher(nodeMd5);
  const pull: Pull = (_, at) => {
    if (at === 0) most = Math.max(most, ++open);
    return false;
  };
  const slices = [1, 2, 3].map(() => sliceOf(randomBytes(MIB), "bytes", pull));
  await Promise.all(slices.map((slice) => hash(slice).then(() => open--)));
  expect(most).toBe(1);
});

it("goes on after a hash that cannot be made", async () => {
  const createHash = vi.fn(createMD5).mockRejectedValueOnce(new Error("no WebAssembly"));
  const hash = createSliceHasher(createHash);
  const slice = new Blob(["x"]);
  expect(await hash(slice)).toEqual({ kind: "unavailable" });
  expect(await hash(slice)).toEqual(md5Of(Buffer.from("x")));
});
