import { describe, expect, it } from "vitest";
import {
  type Attempt,
  expectDone,
  type Fault,
  faultOn,
  MIB,
  makeWorld,
  OK,
  untilSending,
  type World,
} from "../testing";

/** Safari 26: the store has the part and has answered, and the page never hears it. */
const answersOnlyBytes = ({ isSlice }: Attempt): Fault => (isSlice ? { kind: "mute" } : OK);

describe("the body of a part", () => {
  it("is a slice of the file", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.start();
    await expectDone(world);
    expect(world.store.attempts.every(({ isSlice }) => isSlice)).toBe(true);
  });

  it("is read first in WebKit, once, and hashed from the same bytes", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.bodyMode.readsBodies = true;
    world.store.fault = answersOnlyBytes;
    world.start();
    await expectDone(world);
    expect(world.store.attempts).toHaveLength(12);
    expect(world.store.attempts.every(({ contentMd5 }) => contentMd5 !== null)).toBe(true);
    const reads = world.file.reads.filter(([start, end]) => end - start === 5 * MIB);
    expect(reads).toHaveLength(12);
  });

  it.each([
    [5, 4],
    [16, 4],
    [40, 1],
  ])("is read for parts of %i MiB at most %i at once", async (partMib, most) => {
    const world = makeWorld({ size: 400 * MIB });
    world.api.partSize = partMib * MIB;
    world.bodyMode.readsBodies = true;
    world.start();
    await expectDone(world);
    expect(world.store.mostOpen).toBe(most);
  });

  it.each(["unavailable", "unreadable"] as const)(
    "is read by the page when the worker's hash is %s",
    async (mode) => {
      const world = makeWorld();
      world.bodyMode.readsBodies = true;
      world.hasher.mode = mode;
      world.store.fault = answersOnlyBytes;
      world.start();
      await expectDone(world);
    },
  );

  it("is read first from then on when slices get no answer while the API answers", async () => {
    const world = makeWorld({ size: 200 * MIB });
    world.store.fault = answersOnlyBytes;
    world.start();
    await expectDone(world);
    const slices = world.store.attempts.filter(({ isSlice }) => isSlice);
    expect(slices.map(({ attempt }) => attempt)).toEqual(slices.map(() => 1));
    // It holds for the life of the page.
    const before = world.store.attempts.length;
    world.start();
    await expectDone(world);
    expect(world.store.attempts.slice(before).some(({ isSlice }) => isSlice)).toBe(false);
  });

  it("is read first from then on when slices stand still twice while the API answers", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.store.fault = ({ isSlice }) => (isSlice ? { kind: "stall", at: 0.4 } : OK);
    world.start();
    await expectDone(world);
    expect(Math.max(...world.store.attempts.map(({ attempt }) => attempt))).toBe(3);
  });

  it("is read first from then on when the store says that a body was incomplete", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.store.fault = ({ isSlice }) =>
      isSlice ? { kind: "status", status: 400, code: "IncompleteBody", at: 0.5 } : OK;
    world.start();
    await expectDone(world);
    expect(world.bodyMode.readsBodies).toBe(true);
  });

  it("stays a slice when the API does not answer either", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.store.fault = (attempt) => (attempt.attempt === 1 ? { kind: "mute" } : OK);
    world.api.healthStatus = 0;
    world.start();
    await expectDone(world);
    expect(world.bodyMode.readsBodies).toBe(false);
  });

  it("stays a slice when a part stands still once", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.store.fault = faultOn(2, { kind: "stall", at: 0.4 });
    world.start();
    await expectDone(world);
    expect(world.bodyMode.readsBodies).toBe(false);
  });
});

describe("what Safari does to requests", () => {
  it("retries a request that was aborted by nobody", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.store.fault = ({ attempt }) => (attempt === 1 ? { kind: "reset", at: 0 } : OK);
    world.start();
    await expectDone(world);
  });

  it.each([
    ["once a second", 1000],
    ["only at the end", Infinity],
  ])("sends no part twice when progress comes %s", async (_, everyMs) => {
    const world = makeWorld({ size: 60 * MIB });
    world.store.progressEveryMs = everyMs;
    world.store.lineBytesPerSecond = 2 * MIB;
    world.start();
    await expectDone(world);
    expect(world.store.attempts).toHaveLength(12);
  });

  it("finishes on a slow link when progress comes only at the end", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.store.progressEveryMs = Infinity;
    world.store.lineBytesPerSecond = 125_000;
    world.start();
    await expectDone(world);
  });

  it("goes on after the page was frozen and its connections died", async () => {
    const world = makeWorld({ size: 60 * MIB });
    let isFrozen = true;
    world.store.fault = ({ part }) => (isFrozen && part > 2 ? { kind: "stall", at: 0.9 } : OK);
    await untilSending(world, 2);
    await world.clock.advance(2000);
    world.clock.sleep(300_000);
    isFrozen = false;
    const thawedAt = world.clock.now();
    await expectDone(world);
    expect(world.clock.now() - thawedAt).toBeLessThan(60_000);
  });
});

describe("a part whose hash worker cannot read the file", () => {
  it("is read once by the page", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.bodyMode.readsBodies = true;
    world.hasher.mode = "unreadable";
    world.start();
    await expectDone(world);
    expect(world.file.reads.filter(([start, end]) => end - start === 5 * MIB)).toHaveLength(12);
  });

  it.each([false, true])(
    "takes at most 64 MiB for such parts, bodies read first: %s",
    async (readsBodies) => {
      const world = makeWorld({ size: 128 * MIB });
      world.api.partSize = 16 * MIB;
      world.bodyMode.readsBodies = readsBodies;
      world.hasher.mode = "unreadable";
      let bytes = 0;
      let most = 0;
      const read = world.file.read.bind(world.file);
      world.file.read = async (start, end) => {
        bytes += end - start;
        most = Math.max(most, bytes);
        await new Promise<void>((resolve) => world.clock.after(100, resolve));
        bytes -= end - start;
        return read(start, end);
      };
      world.start();
      await expectDone(world);
      expect(most / MIB).toBeLessThanOrEqual(64);
      const last = world.file.reads.filter(([start, end]) => start >= 112 * MIB && end - start > 1);
      expect(last.reduce((sum, [start, end]) => sum + end - start, 0)).toBe(16 * MIB);
    },
  );
});

it("a disk that reads 1 MB/s has the time to read four bodies", async () => {
  const world = makeWorld({ size: 100 * MIB });
  world.api.partSize = 16 * MIB;
  world.bodyMode.readsBodies = true;
  world.hasher.mode = "unavailable";
  let freeAt = 0;
  const read = world.file.read.bind(world.file);
  world.file.read = async (start, end) => {
    freeAt = Math.max(world.clock.now(), freeAt) + (end - start) / 1000;
    await new Promise<void>((resolve) => world.clock.after(freeAt - world.clock.now(), resolve));
    return read(start, end);
  };
  world.start();
  await expectDone(world);
  expect(world.store.attempts.filter(({ isSlice }) => isSlice)).toEqual([]);
});

describe("the switch from slices to bytes", () => {
  const slices = (world: World) => world.store.attempts.filter(({ isSlice }) => isSlice);
  const mute = ({ isSlice }: Attempt): Fault => (isSlice ? { kind: "mute" } : OK);

  it.each([
    [20, 0],
    [400, 0.5],
  ])("comes before a part is sent again (API %i ms, jitter %f)", async (latencyMs, jitter) => {
    const world = makeWorld({ size: 60 * MIB, random: () => jitter });
    world.api.latencyMs = latencyMs;
    world.store.fault = mute;
    world.start();
    await expectDone(world);
    expect(slices(world).every(({ attempt }) => attempt === 1)).toBe(true);
    expect(world.uploader.failureReport().match(/as bytes and not as slices/g)).toHaveLength(1);
  });

  it("needs any answer of the API, not a good one", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.store.fault = mute;
    world.api.healthStatus = 429;
    world.start();
    await expectDone(world);
    expect(slices(world).every(({ attempt }) => attempt === 1)).toBe(true);
  });

  it("follows a store that waits twice in vain for the rest of a body", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.store.fault = ({ isSlice }) =>
      isSlice ? { kind: "status", status: 400, code: "RequestTimeout", at: 0.5 } : OK;
    world.start();
    await expectDone(world);
  });

  it("holds for the parts that wait for a URL", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.api.firstBatch = 6;
    world.api.latencyMs = 3000;
    world.start();
    await world.clock.advance(600_000, () => world.store.parts.size >= 6);
    world.bodyMode.readsBodies = true;
    const before = world.store.attempts.length;
    await expectDone(world);
    expect(world.store.attempts.slice(before).filter(({ isSlice }) => isSlice)).toEqual([]);
  });

  it.each(["sleep", "an outage"])("does not follow from %s", async (reason) => {
    const world = makeWorld({ size: 30 * MIB });
    world.store.fault = ({ attempt, part }) => (attempt === 1 && part > 3 ? { kind: "mute" } : OK);
    world.start();
    await world.clock.advance(5000);
    if (reason === "sleep") world.clock.sleep(1_800_000);
    else {
      world.network.go(false);
      await world.clock.advance(10_000);
      world.network.go(true);
    }
    await expectDone(world);
    expect(world.bodyMode.readsBodies).toBe(false);
  });

  it("does not follow from one stall after an error", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.store.fault = ({ attempt, part }) => {
      if (part !== 2 || attempt > 2) return OK;
      return attempt === 1 ? { kind: "status", status: 500, at: 0 } : { kind: "stall", at: 0.1 };
    };
    world.start();
    await expectDone(world);
    expect(world.bodyMode.readsBodies).toBe(false);
  });
});

it("is read first within two minutes when no slice of a large file is answered", async () => {
  const world = makeWorld({ size: 96 * MIB });
  world.api.partSize = 16 * MIB;
  world.store.fault = ({ isSlice }) => (isSlice ? { kind: "mute" } : OK);
  world.start();
  await world.clock.advance(120_000);
  expect(world.uploader.getState().status).toBe("done");
});
