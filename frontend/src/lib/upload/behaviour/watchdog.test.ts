import { describe, expect, it } from "vitest";
import { expectDone, faultOn, MIB, makeWorld, OK, untilSending } from "../testing";

describe("the stall watchdog", () => {
  it("gives a silent part 30 s and the time to drain a buffer, then a fresh attempt", async () => {
    const world = makeWorld({ size: 20 * MIB });
    world.store.fault = faultOn(1, { kind: "stall", at: 0.1 });
    world.start();
    await expectDone(world);
    const [first, second] = world.store.attempts.filter((attempt) => attempt.part === 1);
    const silence = (second?.at ?? 0) - (first?.at ?? 0);
    expect(silence).toBeGreaterThan(30_000);
    // Three parts of 5 MiB arrived in this time. 4 MiB more would have taken some seconds.
    expect(silence).toBeLessThan(45_000);
    expect(world.uploader.failureReport()).toContain("stalls: 1");
  });

  it("waits at least a minute for the answer once the body is sent", async () => {
    const world = makeWorld({ size: 20 * MIB });
    world.store.fault = (attempt) => (attempt.part === 1 && attempt.attempt === 1 ? { kind: "mute" } : OK);
    world.start();
    await expectDone(world);
    const [first, second] = world.store.attempts.filter((attempt) => attempt.part === 1);
    const silence = (second?.at ?? 0) - (first?.at ?? 0);
    expect(silence).toBeGreaterThan(60_000);
    // The silence itself must not make the line look slow.
    expect(silence).toBeLessThan(75_000);
  });

  it("lets a very slow part live as long as it moves", async () => {
    const world = makeWorld({ size: 5 * MIB });
    world.store.lineBytesPerSecond = 4000;
    world.start();
    await expectDone(world);
    expect(world.store.attempts).toHaveLength(1);
  });

  it("leaves a ten-second black hole alone", async () => {
    const world = makeWorld({ size: 40 * MIB });
    await untilSending(world, 1);
    world.store.frozenUntil = world.clock.trueNow() + 10_000;
    await expectDone(world);
    expect(world.store.attempts).toHaveLength(8);
  });
});
