import { describe, expect, it, vi } from "vitest";
import {
  apiFailure,
  expectDone,
  expectFailed,
  FakeFile,
  faultOn,
  latin1,
  MIB,
  makeWorld,
  NO_LEAKS,
  OK,
  untilRefused,
  untilSending,
  type World,
} from "../testing";

describe("retry by a person", () => {
  it("goes on with the parts that are there", async () => {
    const world = makeWorld({ size: 40 * MIB });
    world.store.fault = (attempt) => (attempt.part > 4 ? { kind: "status", status: 400, code: "Odd" } : OK);
    world.uploader.start(world.file.asFile());
    await expectFailed(world, "storage_refused");
    const there = new Set(world.store.parts.keys());
    world.store.fault = () => OK;
    const before = world.store.attempts.length;
    world.uploader.retry();
    await expectDone(world);
    expect(world.api.countOf("create")).toBe(1);
    expect(world.store.attempts.slice(before).some((attempt) => there.has(attempt.part))).toBe(false);
  });

  it("starts from the beginning when the video is gone", async () => {
    const world = makeWorld({ size: 40 * MIB });
    world.store.fault = faultOn(8, { kind: "status", status: 400, code: "Odd" });
    world.start();
    await expectFailed(world, "storage_refused");
    world.api.videos.clear();
    world.uploader.retry();
    await expectDone(world);
    expect(world.api.calls.filter((made) => made.call === "create").map((made) => made.args[1])).toEqual([
      "key-1",
      "key-2",
    ]);
  });

  it("asks complete again when everything was sent", async () => {
    const world = makeWorld();
    for (let index = 0; index < 200; index += 1) world.api.failures.complete.push(apiFailure(503));
    world.start();
    await expectFailed(world, "network");
    world.api.failures.complete.length = 0;
    const before = world.store.attempts.length;
    world.uploader.retry();
    await expectDone(world);
    expect(world.store.attempts.length).toBe(before);
  });

  it("does nothing after a refusal that stays one", async () => {
    const world = makeWorld({ file: new FakeFile(6 * MIB, "a.mp4", latin1("text text text")) });
    world.start();
    await expectFailed(world, "unsupported_container");
    world.uploader.retry();
    expect(world.uploader.getState().status).toBe("failed");
  });
});

describe("what is left behind", () => {
  /** Removals take a while, and until then there is no space for another video. */
  function makeFullWorld(): World {
    const world = makeWorld();
    const { create, remove } = world.api;
    world.api.remove = async (...args) => {
      await new Promise<void>((resolve) => world.clock.after(300, resolve));
      return remove.apply(world.api, args);
    };
    world.api.create = async (...args) => {
      if (world.api.videos.size > 0) throw apiFailure(409, "quota_exceeded");
      return create.apply(world.api, args);
    };
    return world;
  }

  async function failedAndKept(): Promise<World> {
    const world = makeWorld();
    world.store.fault = (attempt) =>
      attempt.urlSerial < 20 ? { kind: "status", status: 400, code: "Odd" } : OK;
    world.start();
    await expectFailed(world, "storage_refused");
    expect(world.api.videos.size).toBe(1);
    return world;
  }

  it("is removed by reset", async () => {
    const world = await failedAndKept();
    world.uploader.reset();
    expect(world.uploader.getState()).toEqual({ status: "idle" });
    await world.clock.advance(1000);
    expect(world.api.videos.size).toBe(0);
  });

  it("is removed by the next file", async () => {
    const world = await failedAndKept();
    world.store.fault = () => OK;
    world.uploader.start(new FakeFile(6 * MIB, "next.mp4").asFile());
    await expectDone(world);
    await world.clock.advance(1000);
    expect([...world.api.videos.keys()]).toEqual(["video-2"]);
  });

  it("is removed before the next file is announced, because its bytes count until then", async () => {
    const world = makeFullWorld();
    await untilRefused(world);
    world.uploader.start(new FakeFile(6 * MIB, "next.mp4").asFile());
    expect(world.uploader.getState()).toMatchObject({ status: "checking", file: { name: "next.mp4" } });
    await expectDone(world);
  });

  it("is removed before the next file is announced, also after a cancel", async () => {
    const world = makeFullWorld();
    await untilSending(world);
    void world.uploader.abort();
    world.start();
    await expectDone(world);
  });

  it("holds the next file up for seconds at most", async () => {
    const world = makeWorld();
    await untilSending(world);
    world.api.failures.remove.push(apiFailure(503, "overloaded", {}, 3600));
    void world.uploader.abort();
    world.start();
    expect(await world.finish(60_000)).toMatchObject({ status: "done" });
  });

  it("is kept when the last complete may have worked", async () => {
    const world = makeWorld();
    for (let index = 0; index < 200; index += 1) world.api.failures.complete.push({ lost: true });
    world.start();
    await expectFailed(world, "network");
    world.uploader.reset();
    await world.clock.advance(60_000);
    expect(world.api.videos.size).toBe(1);
  });

  it.each([
    [403, "csrf_rejected"],
    [404, "not_found"],
    [400, "validation_error"],
    [413, "too_large"],
  ])("is kept when a %i (%s) follows a complete whose answer was lost", async (status, code) => {
    const world = makeWorld();
    world.api.failures.complete.push({ lost: true }, apiFailure(status, code));
    world.start();
    await expectFailed(world, "rejected");
    await world.clock.advance(60_000);
    expect([...world.api.videos.values()].map((video) => video.status)).toEqual(["processing"]);
  });

  it("is removed when the only complete was refused", async () => {
    const world = makeWorld();
    world.api.failures.complete.push(apiFailure(403, "csrf_rejected"));
    world.start();
    await expectFailed(world, "rejected");
    await world.clock.advance(60_000);
    expect(world.api.videos.size).toBe(0);
  });

  it("is removed when the page goes away in mid-upload, but not while assembling or after done", async () => {
    const sending = makeWorld();
    await untilSending(sending);
    sending.guards.leave();
    expect(sending.api.unloads).toEqual(["video-1"]);
    sending.uploader.abort();

    const assembling = makeWorld();
    assembling.api.completingAnswers = 5;
    assembling.start();
    await assembling.clock.advance(3000);
    expect(assembling.uploader.getState().status).toBe("assembling");
    assembling.guards.leave();
    expect(assembling.api.unloads).toEqual([]);

    const done = makeWorld();
    done.start();
    await expectDone(done);
    done.guards.leave();
    expect(done.api.unloads).toEqual([]);
  });

  it("is removed first when the page goes away, because the browser may end the script at any moment", async () => {
    const world = makeWorld();
    await untilSending(world);
    const release = vi.spyOn(world.hasher, "release");
    const report = vi.spyOn(world.api, "report");
    const remove = vi.spyOn(world.api, "removeOnUnload");
    world.guards.leave();
    const [removed] = remove.mock.invocationCallOrder;
    expect(removed).toBeLessThan(release.mock.invocationCallOrder[0] ?? 0);
    expect(removed).toBeLessThan(report.mock.invocationCallOrder[0] ?? 0);
  });

  it("is removed once when the browser refuses to read the file while it closes the page", async () => {
    const world = makeWorld();
    world.store.fault = () => ({ kind: "reset", at: 0.5 });
    await world.clock.advance(1, () => false);
    world.start();
    await world.clock.advance(600);
    world.guards.leave();
    world.file.readError = "NotReadableError";
    await world.clock.advance(60_000);
    expect(world.api.unloads).toEqual(["video-1"]);
    expect(world.api.countOf("remove")).toBe(0);
    expect(world.telemetry.map(({ outcome }) => outcome)).toEqual(["left"]);
  });

  it("is not removed by dispose when it may be whole", async () => {
    const world = makeWorld();
    world.api.failures.complete.push({ lost: true }, { hang: true });
    world.start();
    await world.clock.advance(60_000, () => world.api.countOf("complete") === 2);
    world.uploader.dispose();
    await world.clock.advance(60_000);
    expect([...world.api.videos.values()].map((video) => video.status)).toEqual(["processing"]);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it("is removed by dispose, which lets go of the page and may be followed by another start", async () => {
    const world = makeWorld();
    await untilSending(world);
    world.uploader.dispose();
    expect(world.guards.listeners.size).toBe(0);
    await world.clock.advance(1000);
    expect(world.api.videos.size).toBe(0);
    expect(world.leaks()).toEqual(NO_LEAKS);
    world.start();
    await expectDone(world);
  });
});

it("a cancelled upload is not deleted again by leaving while its DELETE is on its way", async () => {
  const world = makeWorld();
  await untilSending(world);
  void world.uploader.abort();
  await world.clock.advance(5);
  world.guards.leave();
  await world.clock.advance(60_000);
  expect(world.api.countOf("remove")).toBe(1);
  expect(world.api.unloads).toEqual([]);
});
