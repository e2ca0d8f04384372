import { describe, expect, it } from "vitest";
import { apiFailure, expectDone, faultOn, MIB, makeWorld } from "../testing";

describe("URLs by the server's clock", () => {
  it.each([-16, -6, -1, 1, 6, 16])(
    "are used as long as they live when the clocks differ by %i min",
    async (skew) => {
      const world = makeWorld({ size: 60 * MIB });
      world.api.skewMs = skew * 60_000;
      world.start();
      await expectDone(world);
      expect(world.api.countOf("sign")).toBe(0);
      expect(world.store.attempts.every((attempt) => !attempt.isExpired)).toBe(true);
    },
  );

  it("are renewed before they end, and never used after", async () => {
    const world = makeWorld({ size: 100 * MIB });
    world.store.lineBytesPerSecond = 60_000;
    world.start();
    await expectDone(world);
    expect(world.store.attempts.every((attempt) => !attempt.isExpired)).toBe(true);
    expect(world.api.countOf("sign")).toBeGreaterThan(1);
  });

  it("work with a life of five seconds", async () => {
    const world = makeWorld({ size: 200 * MIB });
    world.api.urlLifeMs = 5000;
    world.start();
    await expectDone(world);
    expect(world.store.attempts.every((attempt) => !attempt.isExpired)).toBe(true);
  });

  it("live from the try that was answered, not from the first one", async () => {
    const world = makeWorld({ size: 200 * MIB });
    world.api.firstBatch = 12;
    for (let index = 0; index < 12; index += 1) world.api.failures.sign.push(apiFailure(503, "overloaded"));
    world.start();
    await expectDone(world);
    expect(world.uploader.failureReport()).toContain("clock offset: 10 ms");
  });

  it("that ended on the way are no refusal, however often", async () => {
    const world = makeWorld({ size: 5 * MIB });
    world.api.urlLifeMs = 2000;
    world.store.lineBytesPerSecond = MIB;
    world.store.fault = faultOn(1, { kind: "status", status: 403, code: "AccessDenied" }, 4);
    world.start();
    await expectDone(world);
    expect(world.store.attempts).toHaveLength(5);
  });
});
