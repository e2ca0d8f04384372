import { describe, expect, it } from "vitest";
import { expectDone, MIB, makeWorld, OK, type World } from "../testing";

describe("a thin line", () => {
  it("sends few parts at once at 1 Mbit/s, so that each part ends sooner", async () => {
    const world = makeWorld({ size: 200 * MIB });
    world.api.partSize = 16 * MIB;
    world.store.lineBytesPerSecond = 125_000;
    world.start();
    await world.clock.advance(60_000);
    expect(world.store.open).toBeLessThanOrEqual(2);
    await expectDone(world);
    const sent = world.store.attempts.length * 16;
    expect(sent).toBeGreaterThan(0);
    expect(world.store.attempts.some((attempt) => attempt.isExpired)).toBe(false);
    expect(world.uploader.failureReport()).toContain("stalls: 0");
  });
});

describe("a line that is slow for each connection", () => {
  async function mostOpenLater(world: World, minutes: number): Promise<number> {
    let most = 0;
    for (let minute = 0; minute < minutes; minute += 1) {
      await world.clock.advance(60_000);
      if (minute >= 8) most = Math.max(most, world.store.open);
    }
    world.uploader.abort();
    return most;
  }

  function makeSlowWorld(): World {
    const world = makeWorld({ size: 600 * MIB });
    world.api.partSize = 16 * MIB;
    world.store.bytesPerSecond = 94_000;
    return world;
  }

  it.each([12_000, 20_000])("restores the concurrency after %i ms of 503", async (ms) => {
    const world = makeSlowWorld();
    world.store.fault = ({ at }) =>
      at > 178_000 && at < 178_000 + ms ? { kind: "status", status: 503, at: 0 } : OK;
    world.start();
    expect(await mostOpenLater(world, 15)).toBeGreaterThan(2);
  });

  it("restores the concurrency after another program used the link", async () => {
    const world = makeSlowWorld();
    world.start();
    await world.clock.advance(200_000);
    world.store.lineBytesPerSecond = 30_000;
    await world.clock.advance(120_000);
    world.store.lineBytesPerSecond = null;
    expect(await mostOpenLater(world, 15)).toBeGreaterThan(2);
  });
});
