import { describe, expect, it } from "vitest";
import { createFetchApi } from "../browser/fetch-api";
import { MAX_FAILURES } from "../rules/retry";
import { apiFailure, expectDone, expectFailed, MIB, makeWorld, NO_LEAKS } from "../testing";

describe("API calls", () => {
  it("repeats create with the same key, so that a lost answer makes no second video", async () => {
    const world = makeWorld();
    world.api.failures.create.push({ lost: true }, apiFailure(500), { hang: true });
    world.start();
    await expectDone(world);
    expect(world.api.videos.size).toBe(1);
    expect(
      new Set(world.api.calls.filter((made) => made.call === "create").map((made) => made.args[1])),
    ).toEqual(new Set(["key-1"]));
  });

  it("ends create after the limit of failures: nothing is lost by trying again later", async () => {
    const world = makeWorld();
    for (let index = 0; index < 20; index += 1) world.api.failures.create.push(apiFailure(503, "overloaded"));
    world.start();
    expect(await expectFailed(world, "network", 300_000)).toMatchObject({ retryable: true });
    expect(world.api.countOf("create")).toBe(MAX_FAILURES);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it.each(["create", "sign", "complete"] as const)(
    "waits out as many limits on %s as there are, as long as the API asks",
    async (call) => {
      const world = makeWorld({ size: 300 * MIB });
      world.api.firstBatch = 1;
      const limits = 3 * MAX_FAILURES;
      for (let index = 0; index < limits; index += 1)
        world.api.failures[call].push(apiFailure(429, "rate_limited", {}, 50));
      world.start();
      await expectDone(world);
      const asked = world.api.calls.filter((made) => made.call === call).map((made) => made.at);
      const pauses = asked.slice(0, limits).map((at, index) => (asked[index + 1] ?? 0) - at);
      expect(Math.min(...pauses)).toBeGreaterThanOrEqual(50_000);
      expect(Math.max(...pauses)).toBeLessThan(52_000);
      expect(world.store.attempts.length).toBe(60);
      expect(world.leaks()).toEqual(NO_LEAKS);
    },
  );

  it("counts a 429 that says no time, as a proxy may send, like any error", async () => {
    const world = makeWorld();
    for (let index = 0; index < 20; index += 1) world.api.failures.create.push(apiFailure(429, "odd"));
    world.start();
    await expectFailed(world, "network");
    expect(world.api.countOf("create")).toBe(MAX_FAILURES);
  });

  it.each([
    ["quota_exceeded", 409, true],
    ["installation_full", 409, true],
    ["too_many_videos", 409, true],
    ["file_too_large", 413, false],
    ["csrf_rejected", 403, false],
  ])("passes on %s with its code", async (code, status, retryable) => {
    const world = makeWorld();
    world.api.failures.create.push(apiFailure(status, code));
    world.start();
    const error = await expectFailed(world, code === "csrf_rejected" ? "rejected" : code);
    expect(error).toMatchObject({ reason: { kind: "api", code, status }, requestId: "req-1", retryable });
  });

  it.each([403, 404, 407])(
    "keeps the parts when something in between answers %i with a page",
    async (status) => {
      const world = makeWorld();
      const between = createFetchApi(async () => new Response("<html>deploying</html>", { status }));
      const said = await between.complete("v", [], new AbortController().signal).catch((reason) => reason);
      world.api.failures.complete.push(said);
      world.start();
      const error = await expectFailed(world, "network");
      expect(error).toMatchObject({ retryable: true, reason: { kind: "unreachable", status } });
      await world.clock.advance(60_000);
      expect(world.api.countOf("remove")).toBe(0);
      const before = world.store.attempts.length;
      world.uploader.retry();
      await expectDone(world);
      expect(world.store.attempts.length).toBe(before);
    },
  );

  it.each([
    [425, "network"],
    [501, "rejected"],
  ])("judges %i alike when it tries again and when it gives up", async (status, code) => {
    const world = makeWorld();
    for (let index = 0; index < 20; index += 1) world.api.failures.create.push(apiFailure(status, "odd"));
    world.start();
    await expectFailed(world, code);
    expect(world.api.countOf("create") >= 8).toBe(code === "network");
  });

  it("names the open uploads when there are too many", async () => {
    const world = makeWorld();
    world.api.failures.create.push(apiFailure(409, "too_many_uploads", { open_video_ids: ["a", "b"] }));
    world.start();
    expect(await expectFailed(world, "too_many_uploads")).toMatchObject({
      openVideoIds: ["a", "b"],
      retryable: true,
    });
  });

  it("keeps sending while a call for further URLs fails for minutes", async () => {
    const world = makeWorld({ size: 300 * MIB });
    world.api.firstBatch = 12;
    for (let index = 0; index < 10; index += 1) world.api.failures.sign.push(apiFailure(503, "overloaded"));
    world.start();
    await expectDone(world);
  });
});
