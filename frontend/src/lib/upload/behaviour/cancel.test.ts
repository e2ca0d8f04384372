import { getEventListeners } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { MAX_FAILURES } from "../rules/retry";
import {
  apiFailure,
  expectDone,
  FakeFile,
  MIB,
  makeWorld,
  NO_LEAKS,
  OK,
  progressOf,
  untilRefused,
  untilSending,
} from "../testing";

describe("listeners", () => {
  it("are all taken off every signal again, also those of failed attempts", async () => {
    const added = vi.spyOn(EventTarget.prototype, "addEventListener");
    const world = makeWorld({ size: 100 * MIB });
    world.store.fault = (attempt) => (attempt.attempt === 1 ? { kind: "status", status: 500 } : OK);
    world.start();
    await expectDone(world);
    const signals = added.mock.contexts.filter((target) => target instanceof AbortSignal);
    expect(signals.length).toBeGreaterThan(100);
    expect(signals.flatMap((signal) => getEventListeners(signal, "abort"))).toEqual([]);
    vi.restoreAllMocks();
  });
});

describe("abort", () => {
  it("may be followed at once by another file, which hears nothing of the first", async () => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 3);
    world.uploader.abort();
    const from = world.states.length;
    world.uploader.start(new FakeFile(6 * MIB, "next.mp4").asFile());
    await expectDone(world);
    const totals = world.states.slice(from).flatMap((state) => progressOf(state)?.bytesTotal ?? []);
    expect(new Set(totals)).toEqual(new Set([6 * MIB]));
  });

  const moments: [string, number][] = [
    ["while checking", 0],
    ["while create is on its way", 10],
    ["while sending", 300],
    ["while assembling", 675],
  ];

  it.each(moments)("leaves nothing in the store %s", async (_, ms) => {
    const world = makeWorld();
    world.start();
    if (ms > 0) await world.clock.advance(ms);
    world.uploader.abort();
    expect(world.uploader.getState()).toEqual({
      status: "aborted",
      file: { name: "holiday.mp4", sizeBytes: 20 * MIB },
    });
    await world.clock.advance(60_000);
    expect(world.api.videos.size).toBe(0);
    expect(world.uploader.getState().status).toBe("aborted");
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it("finds the video of a create whose answer was lost", async () => {
    const world = makeWorld();
    world.api.failures.create.push({ lost: true });
    world.start();
    await world.clock.advance(100);
    world.uploader.abort();
    await world.clock.advance(60_000);
    expect(world.api.countOf("remove")).toBe(1);
    expect(world.api.videos.size).toBe(0);
  });

  it.each([429, 401])("finds it too when a %i follows the lost answer", async (status) => {
    const world = makeWorld();
    world.api.failures.create.push({ lost: true }, apiFailure(status, "no", {}, 60));
    world.start();
    await world.clock.advance(5000);
    world.uploader.abort();
    await world.clock.advance(60_000);
    expect(world.api.countOf("remove")).toBe(1);
    expect(world.api.videos.size).toBe(0);
  });

  it("tries to remove the video several times", async () => {
    const world = makeWorld();
    await untilSending(world);
    world.api.failures.remove.push(apiFailure(503), apiFailure(0, "network"), null);
    world.uploader.abort();
    await world.clock.advance(60_000);
    expect(world.api.videos.size).toBe(0);
  });

  it("leaves nothing in the store when it was offline, once the network is back", async () => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 2);
    world.network.go(false);
    for (let index = 0; index < 50; index += 1) world.api.failures.remove.push(apiFailure(0, "network"));
    world.uploader.abort();
    await world.clock.advance(3_600_000);
    expect(world.api.countOf("remove")).toBeLessThan(10);
    world.api.failures.remove.length = 0;
    world.network.go(true);
    await world.clock.advance(1000);
    expect(world.api.videos.size).toBe(0);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it("leaves nothing in the store when nobody was signed in, once somebody is", async () => {
    const world = makeWorld({ size: 300 * MIB });
    world.api.firstBatch = 6;
    world.api.failures.sign.push(apiFailure(401, "not_authenticated"));
    world.start();
    await world.clock.advance(5000);
    world.api.failures.remove.push(apiFailure(401, "not_authenticated"));
    world.uploader.abort();
    await world.clock.advance(60_000);
    expect(world.api.videos.size).toBe(1);
    world.uploader.signedIn();
    await world.clock.advance(1000);
    expect(world.api.videos.size).toBe(0);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it("leaves nothing in the store when somebody signed in while the refused removal was on its way", async () => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 2);
    world.api.failures.remove.push(apiFailure(401, "not_authenticated"));
    world.uploader.abort();
    await world.clock.advance(5);
    world.uploader.signedIn();
    await world.clock.advance(60_000);
    expect(world.api.videos.size).toBe(0);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it("leaves nothing in the store when the network came back during the last try of a removal", async () => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 2);
    for (let index = 0; index < MAX_FAILURES; index += 1)
      world.api.failures.remove.push(apiFailure(0, "network"));
    world.uploader.abort();
    await world.clock.advance(3_600_000, () => world.api.countOf("remove") === MAX_FAILURES);
    world.network.go(true);
    await world.clock.advance(60_000);
    expect(world.api.videos.size).toBe(0);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it("has its last chance when the page goes away before the removal got through", async () => {
    const world = makeWorld();
    await untilSending(world);
    world.api.failures.remove.push(apiFailure(503, "overloaded", {}, 100));
    world.uploader.abort();
    await world.clock.advance(1000);
    world.guards.leave();
    expect(world.api.unloads).toEqual(["video-1"]);
  });

  it("tells when the video is gone, not before", async () => {
    const world = makeWorld();
    await untilSending(world);
    world.api.failures.remove.push(apiFailure(503, "overloaded", {}, 30));
    const gone = vi.fn();
    void world.uploader.abort().then(gone);
    await world.clock.advance(10_000);
    expect(gone).not.toHaveBeenCalled();
    await world.clock.advance(60_000);
    expect(gone).toHaveBeenCalled();
    expect(world.api.videos.size).toBe(0);
  });

  it("works from a failed upload that was kept", async () => {
    const world = makeWorld();
    await untilRefused(world);
    expect(world.api.videos.size).toBe(1);
    world.uploader.abort();
    await world.clock.advance(1000);
    expect(world.uploader.getState().status).toBe("aborted");
    expect(world.api.videos.size).toBe(0);
  });
});
