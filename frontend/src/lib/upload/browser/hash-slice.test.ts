import { createHash, randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PartHash } from "../ports";
import { MIB } from "../testing";
import { createSliceHasher } from "./hash-slice";
import { createLanes, type Md5Lane } from "./md5-lanes";

const KIB = 1024;
/** How long the other slices wait for a read, and when it is given up. */
const LANE_WAIT_MS = 100;
const LIMIT_MS = LANE_WAIT_MS + 5_000;
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

const never = () => new Promise(() => undefined);

describe.each(["bytes", undefined] as const)("a slice whose stream has the type %s", (type) => {
  it.each([0, 1, 512 * KIB - 1, 512 * KIB, 512 * KIB + 1, 5 * MIB + 3])(
    "has its MD5 with %i bytes",
    async (size) => {
      const bytes = randomBytes(size);
      const hash = createSliceHasher(createLanes());
      expect(await hash(sliceOf(bytes, type))).toEqual(md5Of(bytes));
      const kept = await hash(sliceOf(bytes, type), true);
      expect(kept).toMatchObject(md5Of(bytes));
      // toEqual compares bytes one by one, which takes minutes.
      expect("bytes" in kept && kept.bytes && Buffer.from(kept.bytes).equals(bytes)).toBe(true);
    },
  );

  it("is unreadable if the stream ends early or breaks", async () => {
    const hash = createSliceHasher(createLanes());
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
    const lanes = (await createLanes()).map((each) => ({
      ...each,
      add: async (bytes: Uint8Array) => void given.add(bytes.buffer),
    }));
    const hashSlice = createSliceHasher(Promise.resolve(lanes.slice(0, 1)));
    for (const size of [2 * MIB, 3 * MIB]) await hashSlice(sliceOf(new Uint8Array(size), type));
    const alive = [...given].filter((buffer) => buffer.byteLength > 0);
    expect(alive.length).toBeLessThanOrEqual(1);
    expect(alive.every((buffer) => buffer.byteLength === 512 * KIB)).toBe(true);
  });
});

describe("a read that stays pending", () => {
  const bytes = randomBytes(MIB);
  let lanes: readonly Md5Lane[];
  beforeEach(async () => {
    // No fake clock waits for the compilation.
    lanes = await createLanes();
    vi.useFakeTimers();
  });
  afterEach(() => void vi.useRealTimers());

  it.each(["bytes", undefined] as const)(
    "is given up, and a new stream reads the rest (%s)",
    async (type) => {
      let hangs = 3;
      const pull: Pull = (_, at) => at > 0 && hangs-- > 0 && never();
      const hash = createSliceHasher(Promise.resolve(lanes))(sliceOf(bytes, type, pull));
      await vi.advanceTimersByTimeAsync(3 * LIMIT_MS);
      expect(await hash).toEqual(md5Of(bytes));
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it("does not hold the other slices", async () => {
    const order: string[] = [];
    const hash = createSliceHasher(Promise.resolve(lanes));
    const add = (name: string, pull?: Pull) =>
      hash(sliceOf(bytes, "bytes", pull)).then(({ kind }) => order.push(`${name} ${kind}`));
    const hung = [add("hung", never), add("hung", (_, at) => at > 0 && never())];
    const others = ["beside", "beside", "behind", "behind"].map((name) => add(name));
    await vi.advanceTimersByTimeAsync(2 * LANE_WAIT_MS);
    await Promise.all(others);
    expect(order).toEqual(["beside md5", "beside md5", "behind md5", "behind md5"]);
    await vi.advanceTimersByTimeAsync(6 * LIMIT_MS);
    await Promise.all(hung);
    expect(order.slice(4)).toEqual(["hung late", "hung late"]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

it("goes on with all lanes after slices that cannot be opened", async () => {
  const hash = createSliceHasher(createLanes());
  const broken = { size: 1 } as Blob; // has no stream
  for (let lane = 0; lane < 4; lane += 1) expect(await hash(broken)).toEqual({ kind: "unavailable" });
  expect(await hash(new Blob(["x"]))).toEqual(md5Of(Buffer.from("x")));
});

it("says that no hash is available where there are no vectors", async () => {
  const hash = createSliceHasher(Promise.reject(new WebAssembly.CompileError()));
  expect(await hash(new Blob(["x"]))).toEqual({ kind: "unavailable" });
});
