import { describe, expect, it } from "vitest";
import { apiFailure, expectDone, MIB, makeWorld, waitingOf } from "../testing";

describe("a session that ends", () => {
  it("keeps file and parts, asks for a sign-in and goes on", async () => {
    const world = makeWorld({ size: 300 * MIB });
    world.api.firstBatch = 12;
    world.api.failures.sign.push(apiFailure(401, "not_authenticated"));
    world.start();
    await world.clock.advance(120_000);
    expect(waitingOf(world)).toEqual({ reason: "signed_out" });
    expect(world.store.parts.size).toBe(12);
    await world.clock.advance(3_600_000);
    expect(world.uploader.getState().status).toBe("sending");
    world.uploader.signedIn();
    await expectDone(world);
    expect(world.api.countOf("create")).toBe(1);
  });

  it("is asked for once, whatever else happens meanwhile", async () => {
    const world = makeWorld();
    world.api.failures.create.push(apiFailure(401, "not_authenticated"));
    world.start();
    await world.clock.advance(1000);
    world.network.go(false);
    world.network.go(true);
    await world.clock.advance(1000);
    expect(world.api.countOf("create")).toBe(1);
    world.uploader.signedIn();
    await expectDone(world);
  });

  it("is not asked for when somebody signed in while the refused request was on its way", async () => {
    const world = makeWorld();
    world.api.failures.create.push(apiFailure(401, "not_authenticated"));
    world.start();
    await world.clock.advance(5);
    world.uploader.signedIn();
    await expectDone(world);
    expect(world.states.filter((state) => "waiting" in state && state.waiting !== null)).toEqual([]);
  });

  it("waits at create and at complete too", async () => {
    const world = makeWorld();
    world.api.failures.create.push(apiFailure(401, "not_authenticated"));
    world.api.failures.complete.push(apiFailure(401, "not_authenticated"));
    world.start();
    await world.clock.advance(5000);
    expect(world.uploader.getState()).toMatchObject({
      status: "starting",
      waiting: { reason: "signed_out" },
    });
    world.uploader.signedIn();
    await world.clock.advance(30_000);
    expect(world.uploader.getState()).toMatchObject({
      status: "assembling",
      waiting: { reason: "signed_out" },
    });
    world.uploader.signedIn();
    await expectDone(world);
  });
});
