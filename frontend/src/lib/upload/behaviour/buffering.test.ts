import { describe, expect, it } from "vitest";
import { expectDone, faultOn, MIB, makeWorld, progressOf, type World } from "../testing";

const MBIT = 125_000;

/** A scanner, a VPN or a proxy that takes bodies at `takes` bytes a second and sends them on at `mbit` Mbit/s. */
function behindBuffer(mbit: number, isSerial: boolean, sizeMib: number, partMib: number, takes = 500 * MIB) {
  const world = makeWorld({ size: sizeMib * MIB });
  world.api.partSize = partMib * MIB;
  world.store.bytesPerSecond = takes;
  world.store.relay = { bytesPerSecond: mbit * MBIT, isSerial };
  return world;
}

function answered(world: World): number {
  return [...world.store.parts.values()].reduce((sum, { start, end }) => sum + end - start, 0);
}

describe("something that takes bodies at once and sends them on slowly", () => {
  const RATES = [0.5, 1, 2, 5, 20];
  const FILES = [
    [5, 5],
    [29, 5],
    [96, 16],
    [170, 16],
  ];
  const ORDERS = [true, false];
  const variants = RATES.flatMap((mbit) =>
    FILES.flatMap(([size = 0, part = 0]) => ORDERS.map((isSerial) => [mbit, size, part, isSerial] as const)),
  );

  it.each(variants)(
    "sends no part twice at %d Mbit/s, %i MiB in parts of %i, one by one: %s",
    async (...variant) => {
      const [mbit, size, part, isSerial] = variant;
      const world = behindBuffer(mbit, isSerial, size, part);
      world.start();
      let tooMuch = 0;
      world.uploader.subscribe(() => {
        const state = world.uploader.getState();
        if (state.status === "sending")
          tooMuch = Math.max(tooMuch, state.progress.bytesSent - answered(world));
      });
      await expectDone(world);
      expect(world.store.attempts).toHaveLength(Math.ceil(size / part));
      expect(world.store.expiredInRelay).toBe(0);
      // Up to this many bytes a second, what runs ahead of the answers is sent in some seconds.
      expect(tooMuch).toBeLessThanOrEqual(mbit > 5 ? 6 * part * MIB : 0);
    },
  );

  it.each(ORDERS)(
    "sends no part twice at 0.5 Mbit/s where bodies take seconds, one by one: %s",
    async (isSerial) => {
      const world = behindBuffer(0.5, isSerial, 96, 16, 4 * MIB);
      world.start();
      await expectDone(world);
      expect(world.store.attempts).toHaveLength(6);
    },
  );

  it.each([500, 1900, 5000])(
    "gets few parts first also when the MD5 of a part takes %i ms",
    async (tookMs) => {
      const world = behindBuffer(2, true, 96, 16);
      world.hasher.tookMs = tookMs;
      world.start();
      await world.clock.advance(9000);
      expect(world.store.attempts.length).toBeLessThanOrEqual(3);
      world.uploader.abort();
    },
  );

  it("shows the speed and the time left of the answers", async () => {
    const world = behindBuffer(2, true, 170, 16);
    world.start();
    await world.clock.advance(60_000);
    expect(progressOf(world.uploader.getState())).toMatchObject({ percent: 0, etaSeconds: null });
    await world.clock.advance(240_000);
    const progress = progressOf(world.uploader.getState());
    expect((progress?.bytesPerSecond ?? 0) / (2 * MBIT)).toBeCloseTo(1, 1);
    const left = (170 * MIB - answered(world)) / (2 * MBIT);
    expect((progress?.etaSeconds ?? 0) / left).toBeCloseTo(1, 1);
    world.uploader.abort();
  });

  it.each([0.5, 2])("is found in the middle too, and parts end once it is known: %d Mbit/s", async (mbit) => {
    const world = makeWorld({ size: 200 * MIB });
    world.store.relay = { bytesPerSecond: 100 * MBIT, isSerial: true };
    world.start();
    await world.clock.advance(60_000, () => world.store.parts.size >= 10);
    world.store.bytesPerSecond = 500 * MIB;
    world.store.relay = { bytesPerSecond: mbit * MBIT, isSerial: true };
    await expectDone(world);
    expect(Math.max(...world.store.attempts.map(({ attempt }) => attempt))).toBeLessThanOrEqual(3);
  });

  it("that becomes ten times slower loses no upload", async () => {
    const world = behindBuffer(5, true, 170, 16);
    world.start();
    await world.clock.advance(600_000, () => world.store.parts.size >= 3);
    world.store.relay = { bytesPerSecond: 0.5 * MBIT, isSerial: true };
    await expectDone(world);
  });

  it("does not keep a dead connection", async () => {
    const world = behindBuffer(2, false, 96, 16);
    world.store.fault = faultOn(3, { kind: "mute" });
    world.start();
    await expectDone(world);
    expect(world.clock.now() - (world.store.attempts[0]?.at ?? 0)).toBeGreaterThan(0);
    expect(world.store.attempts).toHaveLength(7);
  });
});

describe("a link without a buffer", () => {
  it.each([2, 10, 100])("has all connections in use within ten seconds at %i Mbit/s", async (mbit) => {
    const world = makeWorld({ size: 800 * MIB });
    world.api.partSize = 16 * MIB;
    world.store.lineBytesPerSecond = mbit * MBIT;
    world.start();
    await world.clock.advance(10_500);
    expect(world.store.mostOpen).toBeGreaterThanOrEqual(mbit < 5 ? 3 : 6);
    world.uploader.abort();
  });

  it("has all connections in use from the first answer on", async () => {
    const world = makeWorld({ size: 100 * MIB });
    world.start();
    await world.clock.advance(30_000, () => world.store.parts.size > 0);
    await world.clock.settle();
    expect(world.store.open).toBe(6);
    world.uploader.abort();
  });
});

it("uses all connections from the second second on where each of them is slow", async () => {
  const world = makeWorld({ size: 96 * MIB });
  world.store.lineBytesPerSecond = 300_000;
  world.start();
  await world.clock.advance(3000);
  expect(world.store.attempts).toHaveLength(6);
  world.uploader.abort();
});
