import { describe, expect, it } from "vitest";
import { expectDone, MIB, makeWorld, OK, progressOf, untilSending } from "../testing";

describe("progress", () => {
  it("never runs backwards, counts no byte twice and is never 100 before complete has answered", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.store.fault = (attempt) => (attempt.attempt === 1 ? { kind: "reset", at: 0.9 } : OK);
    world.start();
    await expectDone(world);
    const seen = world.states.flatMap((state) => progressOf(state) ?? []);
    for (const [index, progress] of seen.entries()) {
      expect(progress.percent).toBeLessThanOrEqual(99);
      expect(progress.bytesSent).toBeLessThanOrEqual(60 * MIB);
      expect(progress.bytesSent).toBeGreaterThanOrEqual(seen[index - 1]?.bytesSent ?? 0);
    }
    expect(seen.at(-1)).toMatchObject({ bytesSent: 60 * MIB, percent: 99 });
  });

  it("keeps its reference while nothing changes", async () => {
    const world = makeWorld();
    await untilSending(world);
    const state = world.uploader.getState();
    expect(world.uploader.getState()).toBe(state);
    world.uploader.signedIn();
    expect(world.uploader.getState()).toBe(state);
    world.uploader.abort();
  });

  it("tells speed and time left only when known, and then near the truth", async () => {
    const world = makeWorld({ size: 400 * MIB });
    world.store.lineBytesPerSecond = 4 * MIB;
    world.start();
    await world.clock.advance(2000);
    expect(progressOf(world.uploader.getState())).toMatchObject({ bytesPerSecond: null, etaSeconds: null });
    await world.clock.advance(20_000);
    const progress = progressOf(world.uploader.getState());
    expect((progress?.bytesPerSecond ?? 0) / (4 * MIB)).toBeCloseTo(1, 1);
    expect(Math.abs((progress?.etaSeconds ?? 0) - 78)).toBeLessThan(8);
    world.uploader.abort();
  });

  it.each([
    ["offline for a minute", 60_000, true],
    ["that stands still for 20 s unannounced", 20_000, false],
  ])("is not fooled by a line %s", async (_, ms, isAnnounced) => {
    const world = makeWorld({ size: 1500 * MIB });
    world.api.partSize = 16 * MIB;
    world.store.lineBytesPerSecond = 4 * MIB;
    world.start();
    await world.clock.advance(60_000);
    if (isAnnounced) world.network.go(false);
    world.store.frozenUntil = world.clock.trueNow() + ms;
    await world.clock.advance(ms - 1000);
    expect(progressOf(world.uploader.getState())).toMatchObject({ bytesPerSecond: null, etaSeconds: null });
    await world.clock.advance(1000);
    if (isAnnounced) world.network.go(true);
    for (let second = 1; second <= 20; second += 1) {
      await world.clock.advance(1000);
      const progress = progressOf(world.uploader.getState());
      const truth = (1500 * MIB - (progress?.bytesSent ?? 0)) / (4 * MIB);
      if (second > 3) expect((progress?.etaSeconds ?? 0) / truth).toBeCloseTo(1, 0);
      if (progress?.etaSeconds !== null) expect((progress?.etaSeconds ?? 0) / truth).toBeLessThan(1.3);
    }
    world.uploader.abort();
  });

  it("reports no more than about ten times a second", async () => {
    const world = makeWorld({ size: 100 * MIB });
    world.store.lineBytesPerSecond = 100 * MIB;
    world.start();
    await expectDone(world);
    expect(world.states.length).toBeLessThan(60);
  });
});
