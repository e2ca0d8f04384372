import { describe, expect, it } from "vitest";
import { MAX_FAILURES } from "../rules/retry";
import { expectDone, MIB, makeWorld, OK, progressOf, untilSending, type World } from "../testing";

describe("sleep and a clock that jumps", () => {
  it("renews and goes on after an hour's sleep", async () => {
    const world = makeWorld({ size: 200 * MIB });
    await untilSending(world, 3);
    world.clock.sleep(3_600_000);
    await expectDone(world);
    expect(world.store.attempts.filter((attempt) => attempt.isExpired)).toEqual([]);
    expect(world.uploader.failureReport()).toContain("clock jumps: 1");
  });

  it.each([-3_600_000, -60_000, 60_000, 3_600_000])("survives a clock set by %i ms", async (ms) => {
    const world = makeWorld({ size: 200 * MIB });
    await untilSending(world, 3);
    world.clock.set(ms);
    await expectDone(world);
    expect(world.store.attempts.filter((attempt) => attempt.isExpired)).toEqual([]);
  });

  it("takes a clock that runs backwards by milliseconds for no jump", async () => {
    const world = makeWorld({ size: 100 * MIB });
    world.store.fault = () => {
      world.clock.set(-5);
      return OK;
    };
    world.start();
    await expectDone(world);
    expect(world.uploader.failureReport()).toContain("clock jumps: 0");
    expect(world.api.countOf("sign")).toBe(0);
  });

  it("does not take old URLs for young ones after the clock was set back", async () => {
    const world = makeWorld({ size: 120 * MIB });
    world.store.lineBytesPerSecond = 60_000;
    await untilSending(world, 1);
    world.clock.set(-3_600_000);
    await expectDone(world);
    expect(world.store.attempts.filter((attempt) => attempt.isExpired)).toEqual([]);
  });

  it.each([45_000, 60_000, 70_000, 100_000])(
    "leaves connections alone that survived a nap of %i ms",
    async (ms) => {
      const world = makeWorld({ size: 40 * MIB });
      await untilSending(world, 1);
      // Silent for a while before and after, as a connection is that must find its way again.
      world.store.frozenUntil = world.clock.trueNow() + 5000;
      await world.clock.advance(2000);
      world.clock.sleep(ms);
      await expectDone(world);
      expect(world.store.attempts).toHaveLength(8);
    },
  );

  it.each<[string, (world: World) => void]>([
    ["a nap of 45 s", (world) => world.clock.sleep(45_000)],
    ["a nap of 70 s", (world) => world.clock.sleep(70_000)],
    ["a clock put 45 s forward", (world) => world.clock.set(45_000)],
  ])("does not take %s for a slow line", async (_, happen) => {
    const world = makeWorld({ size: 200 * MIB });
    world.api.partSize = 16 * MIB;
    world.store.lineBytesPerSecond = 600_000;
    world.start();
    await world.clock.advance(20_999);
    happen(world);
    await world.clock.advance(5000);
    expect(progressOf(world.uploader.getState())?.bytesPerSecond).toBeGreaterThan(500_000);
    await expectDone(world);
    expect(world.store.attempts).toHaveLength(13);
  });

  it("does not count the sleep as time without progress", async () => {
    const world = makeWorld({ size: 5 * MIB, random: () => 0.3 });
    let isAsleep = true;
    world.store.fault = ({ attempt }) =>
      isAsleep && attempt <= MAX_FAILURES ? { kind: "reset", at: 0.1 } : OK;
    world.start();
    await world.clock.advance(600_000, () => world.store.attempts.length === MAX_FAILURES);
    world.clock.sleep(3_600_000);
    isAsleep = false;
    await expectDone(world);
  });

  it("starts connections anew soon after waking that died with their body sent", async () => {
    const world = makeWorld({ size: 30 * MIB });
    world.store.fault = ({ attempt, part }) => (attempt === 1 && part > 3 ? { kind: "mute" } : OK);
    world.start();
    await world.clock.advance(5000);
    world.clock.sleep(1_800_000);
    const woke = world.clock.now();
    await expectDone(world);
    expect(world.clock.now() - woke).toBeLessThan(35_000);
  });

  it("starts dead connections anew soon after waking", async () => {
    const world = makeWorld({ size: 30 * MIB });
    world.store.fault = ({ at }) => (at < 5000 ? { kind: "stall", at: 0.2 } : OK);
    world.start();
    await world.clock.advance(5000);
    world.clock.sleep(1_800_000);
    const woke = world.clock.now();
    await expectDone(world);
    expect(world.clock.now() - woke).toBeLessThan(35_000);
  });
});

describe("a hidden tab, whose timers come once a minute", () => {
  function makeHiddenWorld(sizeMib = 2000): World {
    const world = makeWorld({ size: sizeMib * MIB });
    world.api.partSize = 16 * MIB;
    world.store.lineBytesPerSecond = 4 * MIB;
    const after = world.clock.after.bind(world.clock);
    world.clock.after = (ms, callback) => after(ms === 1000 ? 60_000 : ms, callback);
    return world;
  }

  it.each([false, true])(
    "gives slow parts their time where progress comes only at the end, bodies read first: %s",
    async (readsBodies) => {
      const world = makeHiddenWorld(96);
      world.bodyMode.readsBodies = readsBodies;
      world.store.progressEveryMs = Infinity;
      world.store.lineBytesPerSecond = 125_000;
      world.start();
      await expectDone(world);
    },
  );

  it.each([false, true])(
    "gives slow parts their time behind something that buffers them, one by one: %s",
    async (isSerial) => {
      const world = makeHiddenWorld(96);
      world.store.bytesPerSecond = 500 * MIB;
      world.store.relay = { bytesPerSecond: 62_500, isSerial };
      world.start();
      await expectDone(world);
    },
  );

  it("still measures the line", async () => {
    const world = makeHiddenWorld();
    world.start();
    await world.clock.advance(250_000);
    const progress = progressOf(world.uploader.getState());
    expect((progress?.bytesPerSecond ?? 0) / (4 * MIB)).toBeCloseTo(1, 1);
    expect(progress?.etaSeconds).not.toBeNull();
    expect(world.uploader.failureReport()).toContain("clock jumps: 0");
    world.uploader.abort();
  });

  it("starts dead connections anew within a few of those minutes", async () => {
    const world = makeHiddenWorld();
    world.store.fault = ({ at }) => (at < 65_000 ? { kind: "stall", at: 0.9 } : OK);
    world.start();
    await world.clock.advance(250_000);
    expect(world.store.parts.size).toBeGreaterThan(2);
    world.uploader.abort();
  });
});

describe("a page that was frozen", () => {
  it.each([false, true])("keeps the MD5s of its parts, bodies read first: %s", async (readsBodies) => {
    const world = makeWorld({ size: 200 * MIB });
    world.bodyMode.readsBodies = readsBodies;
    world.store.lineBytesPerSecond = 4 * MIB;
    world.hasher.tookMs = 300;
    world.start();
    await world.clock.advance(600_000, () => world.store.parts.size >= 8 && world.hasher.running > 0);
    world.clock.freeze(120_000);
    await expectDone(world);
    expect(world.telemetry.at(-1)?.parts_without_md5).toBe(0);
  });
});
