import { describe, expect, it } from "vitest";
import {
  apiFailure,
  expectDone,
  expectFailed,
  FakeFile,
  faultOn,
  MIB,
  makeWorld,
  OK,
  untilSending,
} from "../testing";

describe("guards, report and telemetry", () => {
  it("holds the guards exactly while an upload runs", async () => {
    const world = makeWorld();
    expect(world.guards.held).toBe(0);
    await untilSending(world);
    expect(world.guards.held).toBe(1);
    await expectDone(world);
    expect(world.guards).toMatchObject({ held: 0, holds: 1 });
  });

  it("writes a report with ids, attempts and codes, and never a URL, a signature or the name", async () => {
    const world = makeWorld();
    world.api.skewMs = 5000;
    world.api.failures.create.push(apiFailure(503, "overloaded"));
    world.store.fault = (attempt) =>
      attempt.part === 1
        ? { kind: "status", status: 403, code: "AccessDenied" }
        : { kind: "status", status: 503 };
    world.start();
    await expectFailed(world, "storage_refused");
    const report = world.uploader.failureReport();
    for (const part of [
      "video: video-1",
      "phase: sending",
      "error: storage_refused",
      "create: status 503 overloaded (request req-1)",
      "part 1 answered: status 403 AccessDenied",
      "clock offset: 5010 ms",
      "browser: TestBrowser/1",
      "20971520 bytes, .mp4",
    ])
      expect(report).toContain(part);
    expect(report).not.toMatch(/https?:|Signature|secret|holiday/);
  });

  it("takes no part of the name for an extension", async () => {
    const world = makeWorld({ file: new FakeFile(5 * MIB, "Dismissal of.Anna") });
    world.start();
    await expectFailed(world, "unsupported_container");
    expect(world.uploader.failureReport()).not.toMatch(/anna/i);
  });

  it("counts once for each upload how it went", async () => {
    const world = makeWorld({ size: 40 * MIB });
    world.store.fault = faultOn(2, { kind: "status", status: 500 });
    world.start();
    await expectDone(world);
    expect(world.telemetry).toEqual([
      expect.objectContaining({
        outcome: "done",
        phase: "done",
        retries: 1,
        stalls: 0,
        bytes_sent: 40 * MIB,
        error_code: null,
      }),
    ]);
    const refused = makeWorld({ file: new FakeFile(0) });
    refused.start();
    await expectFailed(refused, "file_empty");
    expect(refused.telemetry).toEqual([
      expect.objectContaining({ outcome: "failed", phase: "checking", error_code: "file_empty" }),
    ]);
    const left = makeWorld();
    await untilSending(left);
    left.uploader.abort();
    expect(left.telemetry).toEqual([expect.objectContaining({ outcome: "aborted", phase: "sending" })]);
  });

  it("reports each retry once although the upload is tried twice", async () => {
    const world = makeWorld({ size: 20 * MIB });
    let isBroken = true;
    world.store.fault = ({ part }) => (isBroken && part === 1 ? { kind: "reset", at: 0 } : OK);
    world.start();
    await expectFailed(world, "network");
    isBroken = false;
    world.uploader.retry();
    await expectDone(world);
    expect(world.telemetry.map((told) => told.outcome)).toEqual(["failed", "done"]);
    const retries = world.telemetry.reduce((sum, told) => sum + told.retries, 0);
    expect(retries).toBe(world.store.attempts.length - 4);
  });

  it("reports the speed of each try, without the hours between them", async () => {
    const world = makeWorld({ size: 100 * MIB });
    let isBroken = true;
    world.store.fault = ({ part }) =>
      isBroken && part > 10 ? { kind: "status", status: 400, code: "Odd", at: 0 } : OK;
    world.start();
    await expectFailed(world, "storage_refused");
    isBroken = false;
    await world.clock.advance(3_600_000);
    world.uploader.retry();
    expect(world.uploader.failureReport()).toContain("phase: checking");
    await expectDone(world);
    expect(world.telemetry.at(-1)?.goodput_bytes_per_second).toBeGreaterThan(MIB);
    expect(world.telemetry.at(-1)?.duration_ms).toBeLessThan(60_000);
  });

  it("reports what was sent of an upload that began anew, not of the one before it", async () => {
    const world = makeWorld({ size: 100 * MIB });
    world.store.fault = ({ part, urlSerial }) =>
      part > 18 && urlSerial < 100 ? { kind: "status", status: 404, code: "NoSuchUpload", at: 0 } : OK;
    world.start();
    await world.clock.advance(600_000, () => world.store.parts.size >= 12);
    world.api.videos.clear();
    await expectFailed(world, "video_not_found");
    world.store.fault = () => OK;
    world.uploader.retry();
    await world.clock.advance(600);
    world.uploader.abort();
    expect(world.telemetry.at(-1)).toMatchObject({ outcome: "aborted", video_id: "video-2" });
    expect(world.telemetry.at(-1)?.bytes_sent).toBeLessThan(40 * MIB);
  });

  it("reports a failed upload whose page is left once", async () => {
    const world = makeWorld();
    world.store.fault = () => ({ kind: "status", status: 400, code: "Odd", at: 0 });
    world.start();
    await expectFailed(world, "storage_refused");
    world.guards.leave();
    expect(world.telemetry.map((told) => told.outcome)).toEqual(["failed"]);
    expect(world.api.unloads).toEqual(["video-1"]);
  });

  it.each(["starting", "assembling"] as const)("reports where it was left: %s", async (phase) => {
    const world = makeWorld();
    world.api.completingAnswers = 5;
    world.start();
    await world.clock.advance(60_000, () => world.uploader.getState().status === phase);
    world.guards.leave();
    expect(world.telemetry).toEqual([expect.objectContaining({ outcome: "left", phase })]);
    world.uploader.abort();
  });
});

describe("parts without MD5", () => {
  it("count once when one of them is sent again", async () => {
    const world = makeWorld();
    world.hasher.mode = "unavailable";
    world.api.failures.complete.push(apiFailure(409, "parts_incomplete", { missing: [3], mismatched: [] }));
    world.start();
    await expectDone(world);
    expect(world.uploader.failureReport()).toContain("in 4 parts, 4 without MD5");
    expect(world.telemetry.map((told) => told.parts_without_md5)).toEqual([4]);
  });

  it("count once when the upload begins anew", async () => {
    const world = makeWorld({ size: 40 * MIB });
    world.hasher.mode = "unavailable";
    world.store.fault = faultOn(8, { kind: "status", status: 400, code: "Odd" });
    world.start();
    await expectFailed(world, "storage_refused");
    world.api.videos.clear();
    world.uploader.retry();
    await expectDone(world);
    expect(world.uploader.failureReport()).toContain("in 8 parts, 8 without MD5");
  });
});
