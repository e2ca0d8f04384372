import { describe, expect, it } from "vitest";
import { expectDone, faultOn, MIB, makeWorld, OK, progressOf, T0, untilSending, waitingOf } from "../testing";

describe("offline", () => {
  it("starts nothing new, leaves what is in flight alone, and goes on at once when back", async () => {
    const world = makeWorld({ size: 200 * MIB });
    await untilSending(world, 6);
    world.network.go(false);
    await world.clock.advance(3000);
    const before = world.store.attempts.length;
    expect(world.store.parts.size).toBe(12);
    await world.clock.advance(20_000);
    expect(world.store.attempts.length).toBe(before);
    expect(waitingOf(world)).toEqual({ reason: "offline" });
    world.network.go(true);
    await world.clock.settle();
    expect(world.store.attempts.length).toBe(before + 6);
    expect(waitingOf(world)).toBeNull();
    await expectDone(world);
  });

  it("is said while parts that were in flight wait for the network, and no longer than that", async () => {
    const world = makeWorld({ size: 200 * MIB });
    world.store.fault = (attempt) => (attempt.attempt === 1 ? { kind: "stall", at: 0.5 } : OK);
    world.start();
    await world.clock.advance(5000);
    expect(waitingOf(world)).toBeNull();
    world.network.go(false);
    await world.clock.advance(2000);
    expect(waitingOf(world)).toEqual({ reason: "offline" });
    expect(progressOf(world.uploader.getState())?.etaSeconds).toBeNull();
    world.network.go(true);
    await world.clock.settle();
    await world.clock.advance(1000);
    expect(waitingOf(world)).toBeNull();
    await expectDone(world);
  });

  it("does not count failures, however long it lasts", async () => {
    const world = makeWorld({ size: 200 * MIB });
    await untilSending(world, 2);
    world.store.fault = () => (world.network.online ? OK : { kind: "reset", at: 0 });
    world.network.go(false);
    await world.clock.advance(3_600_000);
    expect(world.uploader.getState()).toMatchObject({ status: "sending", waiting: { reason: "offline" } });
    world.network.go(true);
    await expectDone(world);
  });

  it("does not count requests that hang instead of breaking either", async () => {
    const world = makeWorld({ size: 200 * MIB });
    await untilSending(world, 2);
    world.store.fault = () => (world.network.online ? OK : { kind: "stall", at: 0 });
    world.network.go(false);
    world.store.frozenUntil = world.clock.trueNow() + 3_600_000;
    await world.clock.advance(3_600_000);
    expect(world.uploader.getState()).toMatchObject({ status: "sending", waiting: { reason: "offline" } });
    world.network.go(true);
    await expectDone(world);
  });

  it("does not believe a browser that calls itself offline while requests get through", async () => {
    const world = makeWorld({ size: 40 * MIB });
    world.network.online = false;
    world.store.fault = faultOn(3, { kind: "reset", at: 0 });
    world.start();
    await expectDone(world);
    expect(world.clock.now() - T0).toBeLessThan(60_000);
  });

  it("cuts a pause short when the network is back", async () => {
    const world = makeWorld({ size: 5 * MIB, random: () => 0.999 });
    world.store.fault = (attempt) => (attempt.attempt <= 6 ? { kind: "reset", at: 0 } : OK);
    world.start();
    await world.clock.advance(300_000, () => world.store.attempts.length === 6);
    const failedAt = world.clock.now();
    await world.clock.advance(100);
    world.network.go(true);
    await expectDone(world);
    expect(world.clock.now() - failedAt).toBeLessThan(2000);
  });

  it("gives dead connections a short leash once the network is back", async () => {
    const world = makeWorld({ size: 40 * MIB });
    world.store.fault = ({ at }) => (at < 5000 ? { kind: "stall", at: 0.5 } : OK);
    world.start();
    await world.clock.advance(5000);
    world.network.go(false);
    await world.clock.advance(5000);
    world.network.go(true);
    await world.clock.advance(33_000);
    expect(world.store.parts.size).toBeGreaterThanOrEqual(6);
    await expectDone(world);
  });
});

describe("a network that comes back every twenty seconds", () => {
  it("does not keep dead connections for ever", async () => {
    const world = makeWorld({ size: 200 * MIB });
    world.api.partSize = 16 * MIB;
    world.store.lineBytesPerSecond = 2 * MIB;
    world.store.fault = ({ attempt, part }) => (attempt === 1 && part <= 6 ? { kind: "stall", at: 0.9 } : OK);
    world.start();
    await world.clock.advance(55_000);
    for (let round = 0; round < 6; round += 1) {
      world.network.go(false);
      await world.clock.advance(1000);
      world.network.go(true);
      await world.clock.advance(19_000);
    }
    expect(world.store.parts.size).toBeGreaterThan(0);
    world.uploader.abort();
  });
});

describe("the sentence for offline", () => {
  it("is shown while assembling too, as soon as the browser says so", async () => {
    const world = makeWorld();
    world.api.failures.complete.push({ hang: true });
    world.start();
    await world.clock.advance(600_000, () => world.api.countOf("complete") === 1);
    world.network.go(false);
    await world.clock.advance(2000);
    expect(world.uploader.getState()).toMatchObject({
      status: "assembling",
      waiting: { reason: "offline" },
    });
    world.network.go(true);
    await expectDone(world);
  });
});
