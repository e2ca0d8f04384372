import { describe, expect, it } from "vitest";
import { apiFailure, expectDone, expectFailed, MIB, makeWorld, progressOf, T0, type World } from "../testing";

describe("complete", () => {
  it("is not given up for a sleep while the server is completing", async () => {
    const world = makeWorld();
    world.api.completingAnswers = 10;
    world.start();
    await world.clock.advance(3000);
    expect(world.uploader.getState().status).toBe("assembling");
    world.clock.sleep(3_600_000);
    await expectDone(world);
  });

  it("says so when the server is completing for a quarter of an hour", async () => {
    const world = makeWorld();
    world.api.completingAnswers = 10_000;
    world.start();
    const error = await expectFailed(world, "network");
    expect(error).toMatchObject({
      retryable: true,
      reason: { kind: "still_completing" },
    });
    expect(world.clock.now() - T0).toBeGreaterThan(900_000);
    expect(world.uploader.getState()).toMatchObject({ mayBeComplete: true });
  });

  it("repeats after a lost answer and takes the same one", async () => {
    const world = makeWorld();
    world.api.failures.complete.push({ lost: true }, apiFailure(503, "storage_unavailable", {}, 2), {
      hang: true,
    });
    world.start();
    await expectDone(world);
    expect(world.api.countOf("complete")).toBe(4);
  });

  it("asks again every two seconds while the server is completing", async () => {
    const world = makeWorld();
    world.api.completingAnswers = 3;
    world.start();
    await expectDone(world);
    const times = world.api.calls.filter((made) => made.call === "complete").map((made) => made.at);
    expect(times.slice(1).map((time, index) => time - (times[index] ?? 0))).toEqual([2020, 2020, 2020]);
  });

  it("sends exactly the parts again that the server names", async () => {
    const world = makeWorld({ size: 40 * MIB });
    world.api.failures.complete.push(apiFailure(409, "parts_incomplete", { missing: [3], mismatched: [7] }));
    world.start();
    await expectDone(world);
    expect(
      world.store.attempts.filter((attempt) => attempt.attempt === 2).map((attempt) => attempt.part),
    ).toEqual([3, 7]);
    expect(world.states.map((state) => state.status)).toContain("assembling");
    const percents = world.states.flatMap((state) => progressOf(state)?.percent ?? []);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
  });

  it("does not send parts again for ever", async () => {
    const world = makeWorld();
    for (let round = 0; round < 9; round += 1)
      world.api.failures.complete.push(apiFailure(409, "parts_incomplete", { missing: [1], mismatched: [] }));
    world.start();
    await expectFailed(world, "storage_refused");
    expect(world.api.countOf("complete")).toBe(5);
    expect(world.uploader.getState()).toMatchObject({ mayBeComplete: false });
  });

  it("shows a verdict that came early as done, with the Video's own status", async () => {
    const world = makeWorld();
    world.start();
    await world.clock.advance(100);
    world.api.setStatus("video-1", "failed");
    expect(await world.finish()).toMatchObject({ status: "done", video: { status: "failed" } });
  });

  it("asks complete when the video turns out to be past sending", async () => {
    const world = makeWorld({ size: 300 * MIB });
    world.api.firstBatch = 12;
    world.start();
    await world.clock.advance(1000);
    world.api.setStatus("video-1", "processing");
    await expectDone(world);
  });

  it.each(["expired", "deleting"] as const)("ends when the upload is %s meanwhile", async (status) => {
    const world = makeWorld();
    world.start();
    await world.clock.advance(100);
    world.api.setStatus("video-1", status);
    expect(await expectFailed(world, "wrong_state")).toMatchObject({ retryable: true });
  });
});

describe("a retry after every part was sent", () => {
  const losesAnswers = (world: World) => {
    for (let lost = 0; lost < 200; lost += 1) world.api.failures.complete.push({ lost: true });
  };

  it.each([
    ["is gone", { readError: "NotFoundError" }],
    ["has changed", { version: 1 }],
  ])("needs no file, which %s", async (_, change) => {
    const world = makeWorld();
    losesAnswers(world);
    world.start();
    await expectFailed(world, "network");
    world.api.failures.complete.length = 0;
    Object.assign(world.file, change);
    world.uploader.retry();
    await expectDone(world);
  });

  it("needs no file after the API took long to complete", async () => {
    const world = makeWorld();
    world.api.completingAnswers = 10_000;
    world.start();
    await expectFailed(world, "network");
    world.api.setStatus("video-1", "ready");
    world.file.readError = "NotFoundError";
    world.uploader.retry();
    expect(await world.finish()).toMatchObject({ status: "done", video: { status: "ready" } });
  });
});
