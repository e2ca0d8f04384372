import { describe, expect, it } from "vitest";
import { MAX_FAILURES } from "../rules/retry";
import {
  apiFailure,
  expectDone,
  MIB,
  makeWorld,
  NO_LEAKS,
  untilRefused,
  untilSending,
  type World,
  waitingOf,
} from "../testing";

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

describe("an upload whose page learns first that nobody is signed in", () => {
  const BUSY = apiFailure(503, "overloaded", {}, 30);

  async function expectNoNewVideo(world: World): Promise<void> {
    await world.clock.advance(3_600_000);
    expect(world.api.countOf("create")).toBe(1);
    expect(waitingOf(world)).toEqual({ reason: "signed_out" });
    world.uploader.signedIn();
    await expectDone(world);
  }

  async function untilCreateBacksOff(): Promise<World> {
    const world = makeWorld();
    world.api.failures.create.push(BUSY);
    world.start();
    await world.clock.advance(10_000);
    expect(waitingOf(world)?.reason).toBe("retrying");
    return world;
  }

  async function untilCancelBacksOff(): Promise<World> {
    const world = makeWorld();
    world.api.failures.create.push({ lost: true }, BUSY, BUSY);
    world.start();
    await world.clock.advance(10_000);
    void world.uploader.abort();
    await world.clock.advance(10_000);
    expect(world.api.countOf("create")).toBe(3);
    return world;
  }

  it("sends nothing while it isn't known whose the next session is, and then goes on", async () => {
    const world = await untilCreateBacksOff();
    world.uploader.signedOut();
    await expectNoNewVideo(world);
  });

  it("isn't looked for after a cancel, until its user is back", async () => {
    const world = await untilCancelBacksOff();
    world.uploader.signedOut();
    await world.clock.advance(60_000);
    world.network.go(false);
    world.network.go(true);
    await world.clock.advance(60_000);
    expect(world.api.countOf("create")).toBe(3);
    world.uploader.signedIn();
    await world.clock.advance(60_000);
    expect(world.api.countOf("remove")).toBe(1);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it.each([
    ["runs", untilCreateBacksOff],
    ["was cancelled", untilCancelBacksOff],
  ])("isn't created for another user if it %s", async (_, untilBacksOff) => {
    const world = await untilBacksOff();
    const before = world.api.countOf("create");
    world.uploader.signedOut();
    await world.clock.advance(60_000);
    world.uploader.forget();
    world.uploader.signedIn();
    await world.clock.advance(3_600_000);
    expect(world.api.countOf("create")).toBe(before);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it("does not begin again if the store lost it", async () => {
    const world = makeWorld();
    world.api.lost = 1;
    world.start();
    await world.clock.advance(60_000, () => world.api.countOf("complete") === 1);
    world.uploader.signedOut();
    await expectNoNewVideo(world);
  });

  it("isn't tried again after it failed", async () => {
    const world = makeWorld();
    await untilRefused(world);
    world.uploader.signedOut();
    world.uploader.retry();
    await expectNoNewVideo(world);
  });

  it("isn't removed after a cancel, and the removal's attempts are not used up", async () => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world);
    world.uploader.signedOut();
    void world.uploader.abort();
    for (let returns = 0; returns <= MAX_FAILURES; returns += 1) {
      world.network.go(false);
      world.network.go(true);
      await world.clock.advance(60_000);
    }
    expect(world.api.countOf("remove")).toBe(0);
    world.api.failures.remove.push(apiFailure(503, "overloaded"));
    world.uploader.signedIn();
    await world.clock.advance(60_000);
    expect(world.api.countOf("remove")).toBe(2);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });
});

describe("an upload whose user left", () => {
  const SIGNED_OUT = apiFailure(401, "not_authenticated");

  async function otherUserComes(world: World): Promise<void> {
    world.uploader.forget();
    world.uploader.signedIn();
    expect(world.uploader.getState()).toEqual({ status: "idle" });
    await world.clock.advance(3_600_000);
    expect(world.uploader.getState()).toEqual({ status: "idle" });
    expect(world.leaks()).toEqual(NO_LEAKS);
  }

  it("isn't created for another user who signs in", async () => {
    const world = makeWorld();
    world.api.failures.create.push(SIGNED_OUT);
    world.start();
    await world.clock.advance(1000);
    expect(waitingOf(world)).toEqual({ reason: "signed_out" });
    await otherUserComes(world);
    expect(world.api.countOf("create")).toBe(1);
  });

  it("is sent no further", async () => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world);
    const before = world.store.attempts.length;
    await otherUserComes(world);
    expect(world.store.attempts).toHaveLength(before);
  });

  it.each([
    ["runs", async () => {}],
    ["was cancelled", async (world: World) => void world.uploader.abort()],
  ])("isn't looked for by a create request if an answer was lost and it %s", async (_, end) => {
    const world = makeWorld();
    world.api.failures.create.push({ lost: true }, SIGNED_OUT, SIGNED_OUT);
    world.start();
    await world.clock.advance(60_000, () => waitingOf(world)?.reason === "signed_out");
    await end(world);
    await world.clock.advance(1000);
    const before = world.api.countOf("create");
    await otherUserComes(world);
    expect(world.api.countOf("create")).toBe(before);
  });

  it("can't be tried again by another user, who may upload another file", async () => {
    const world = makeWorld();
    await untilRefused(world);
    await otherUserComes(world);
    world.uploader.retry();
    expect(world.uploader.getState()).toEqual({ status: "idle" });
    expect(world.uploader.failureReport()).not.toContain("video-1");
    world.start();
    await expectDone(world);
  });
});
