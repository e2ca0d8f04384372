// The engine as the page sees it, in a world where every answer and every second is decided by the test.
import { describe, expect, it, vi } from "vitest";
import { createFetchApi } from "./fetch-api";
import {
  type Attempt,
  apiFailure,
  FakeFile,
  type Fault,
  fakeMd5,
  latin1,
  MIB,
  makeWorld,
  NO_LEAKS,
  T0,
  type World,
} from "./testing";
import type { UploadState } from "./types";

const OK: Fault = { kind: "ok" };

function progressOf(state: UploadState) {
  return "progress" in state ? state.progress : null;
}

function waitingOf(world: World) {
  const state = world.uploader.getState();
  return "waiting" in state ? state.waiting : null;
}

async function expectDone(world: World): Promise<void> {
  expect(await world.finish()).toMatchObject({ status: "done", video: { status: "processing" } });
  await world.clock.settle();
  expect(world.leaks()).toEqual(NO_LEAKS);
}

async function expectFailed(world: World, code: string, ms?: number) {
  const end = await world.finish(ms);
  expect(end).toMatchObject({ status: "failed", error: { code } });
  await world.clock.settle();
  return end.status === "failed" ? end.error : null;
}

/** Until the upload is in the middle of sending. */
async function untilSending(world: World, finishedParts = 1): Promise<void> {
  world.start();
  await world.clock.advance(600_000, () => world.store.parts.size >= finishedParts);
  expect(world.uploader.getState().status).toBe("sending");
}

/** The given fault for one part's first tries. */
function faultOn(part: number, fault: Fault, tries = 1): (attempt: Attempt) => Fault {
  return (attempt) => (attempt.part === part && attempt.attempt <= tries ? fault : OK);
}

describe("on a good line", () => {
  it("goes through its states and ends with the Video as complete gave it", async () => {
    const world = makeWorld();
    world.start();
    await expectDone(world);
    expect([...new Set(world.states.map((state) => state.status))]).toEqual([
      "checking",
      "starting",
      "sending",
      "assembling",
      "done",
    ]);
  });

  it("sends the name, the size and the extension's own content type, with a key of its own", async () => {
    const world = makeWorld({ file: new FakeFile(6 * MIB, "  cafe\u0301.MOV") });
    world.start();
    await expectDone(world);
    expect(world.api.calls[0]?.args).toEqual([
      { filename: "caf\u00e9.MOV", size_bytes: 6 * MIB, content_type: "video/quicktime" },
      "key-1",
    ]);
  });

  it("sends each part once, with its MD5, and proves them all in complete", async () => {
    const world = makeWorld({ size: 12 * MIB });
    world.start();
    await expectDone(world);
    expect(world.store.attempts.map((attempt) => attempt.part)).toEqual([1, 2, 3]);
    const first = Buffer.from(fakeMd5(0, 5 * MIB), "hex").toString("base64");
    expect(world.store.attempts[0]?.contentMd5).toBe(first);
    expect(world.api.lastProof).toEqual([
      { part_number: 1, md5: fakeMd5(0, 5 * MIB) },
      { part_number: 2, md5: fakeMd5(5 * MIB, 10 * MIB) },
      { part_number: 3, md5: fakeMd5(10 * MIB, 12 * MIB) },
    ]);
  });

  it("sends 2 GiB with at most 8 API calls", async () => {
    const world = makeWorld({ size: 2048 * MIB });
    world.api.partSize = 16 * MIB;
    world.api.firstBatch = 6;
    world.start();
    await expectDone(world);
    expect(world.store.parts.size).toBe(128);
    expect(world.api.calls.length).toBeLessThanOrEqual(8);
  });

  it("sends the first byte after one API round trip", async () => {
    const world = makeWorld();
    world.api.latencyMs = 300;
    // The first part is hashed while the server still answers.
    world.hasher.tookMs = 200;
    world.start();
    await expectDone(world);
    expect(world.store.attempts[0]?.at).toBe(300);
  });

  it("fetches further URLs ahead, so that no lane waits for one", async () => {
    const world = makeWorld({ size: 500 * MIB });
    world.api.latencyMs = 500;
    world.api.firstBatch = 16;
    world.start();
    await expectDone(world);
    const times = world.store.attempts.map((attempt) => attempt.at);
    const partMs = (5 / 8) * 1000 + 20;
    expect(world.api.countOf("sign")).toBeGreaterThan(1);
    expect(Math.max(...times)).toBeLessThanOrEqual(500 + Math.ceil(100 / 6) * partMs);
  });

  it("hashes at most two parts ahead of what is being sent", async () => {
    const world = makeWorld({ size: 200 * MIB, uploader: { maxConcurrency: 2 } });
    world.api.partSize = 16 * MIB;
    let furthest = 0;
    world.store.fault = () => {
      // The second lane starts in the same instant as the first.
      const sending = Math.max(2, world.store.attempts.length);
      furthest = Math.max(furthest, world.hasher.hashed.length - sending);
      return OK;
    };
    world.start();
    await expectDone(world);
    expect(furthest).toBeLessThanOrEqual(2);
  });

  it.each([
    ["6 where the store has its own origin", "https://store.test", 6],
    ["4 where it shares the page's", "https://page.test", 4],
  ])("has %s in flight", async (_, storeOrigin, expected) => {
    const world = makeWorld({ size: 100 * MIB, uploader: { pageOrigin: "https://page.test" } });
    world.api.storeOrigin = storeOrigin;
    world.start();
    await expectDone(world);
    expect(world.store.mostOpen).toBe(expected);
  });

  it("takes one upload at a time", async () => {
    const world = makeWorld();
    world.start();
    world.uploader.start(new FakeFile(9 * MIB, "second.mp4").asFile());
    await expectDone(world);
    expect(world.api.countOf("create")).toBe(1);
    expect(world.uploader.getState()).toMatchObject({ file: { name: "holiday.mp4" } });
  });

  it("works without integrity, for measurements", async () => {
    const world = makeWorld({ uploader: { integrity: false } });
    world.start();
    await expectDone(world);
    expect(world.hasher.hashed).toEqual([]);
    expect(world.api.lastProof).toEqual([]);
  });
});

describe("the cost of trouble", () => {
  it("is one part's bytes when one connection breaks once", async () => {
    const world = makeWorld({ size: 1024 * MIB });
    world.api.partSize = 16 * MIB;
    world.store.fault = faultOn(30, { kind: "reset", at: 0.99 });
    world.start();
    await expectDone(world);
    expect(world.store.attempts).toHaveLength(65);
  });

  it("is no wait between the last part and complete, and one call to done", async () => {
    const world = makeWorld();
    world.start();
    await expectDone(world);
    const complete = world.api.calls.find((made) => made.call === "complete")?.at ?? 0;
    expect(complete).toBe((world.store.attempts.at(-1)?.at ?? 0) + (5 / 8) * 1000 + world.store.answerMs);
    expect(world.clock.now() - T0 - complete).toBe(world.api.latencyMs);
  });

  it("is not shown while other parts move", async () => {
    const world = makeWorld({ size: 100 * MIB });
    world.store.fault = faultOn(2, { kind: "reset", at: 0.1 }, 3);
    world.start();
    await expectDone(world);
    expect(world.states.some((state) => "waiting" in state && state.waiting !== null)).toBe(false);
  });
});

describe("progress", () => {
  it("never runs backwards, counts no byte twice and is never 100 before complete has answered", async () => {
    const world = makeWorld({ size: 60 * MIB });
    world.store.fault = (attempt) => (attempt.attempt === 1 ? { kind: "reset", at: 0.9 } : OK);
    world.start();
    await expectDone(world);
    const seen = world.states.flatMap((state) => progressOf(state) ?? []);
    for (const [index, progress] of seen.entries()) {
      expect(progress.percent).toBeLessThanOrEqual(99);
      expect(progress.bytesSent).toBeLessThanOrEqual(60 * MIB);
      expect(progress.bytesSent).toBeGreaterThanOrEqual(seen[index - 1]?.bytesSent ?? 0);
    }
    expect(seen.at(-1)).toMatchObject({ bytesSent: 60 * MIB, percent: 99 });
  });

  it("keeps its reference while nothing changes", async () => {
    const world = makeWorld();
    await untilSending(world);
    const state = world.uploader.getState();
    expect(world.uploader.getState()).toBe(state);
    world.uploader.signedIn();
    expect(world.uploader.getState()).toBe(state);
    world.uploader.abort();
  });

  it("tells speed and time left only when known, and then near the truth", async () => {
    const world = makeWorld({ size: 400 * MIB });
    world.store.lineBytesPerSecond = 4 * MIB;
    world.start();
    await world.clock.advance(2000);
    expect(progressOf(world.uploader.getState())).toMatchObject({ bytesPerSecond: null, etaSeconds: null });
    await world.clock.advance(20_000);
    const progress = progressOf(world.uploader.getState());
    expect((progress?.bytesPerSecond ?? 0) / (4 * MIB)).toBeCloseTo(1, 1);
    expect(Math.abs((progress?.etaSeconds ?? 0) - 78)).toBeLessThan(8);
    world.uploader.abort();
  });

  it.each([
    ["offline for a minute", 60_000, true],
    ["that stands still for 20 s unannounced", 20_000, false],
  ])("is not fooled by a line %s", async (_, ms, isAnnounced) => {
    const world = makeWorld({ size: 1500 * MIB });
    world.api.partSize = 16 * MIB;
    world.store.lineBytesPerSecond = 4 * MIB;
    world.start();
    await world.clock.advance(60_000);
    if (isAnnounced) world.network.go(false);
    world.store.frozenUntil = world.clock.trueNow() + ms;
    await world.clock.advance(ms - 1000);
    expect(progressOf(world.uploader.getState())).toMatchObject({ bytesPerSecond: null, etaSeconds: null });
    await world.clock.advance(1000);
    if (isAnnounced) world.network.go(true);
    for (let second = 1; second <= 20; second += 1) {
      await world.clock.advance(1000);
      const progress = progressOf(world.uploader.getState());
      const truth = (1500 * MIB - (progress?.bytesSent ?? 0)) / (4 * MIB);
      if (second > 3) expect((progress?.etaSeconds ?? 0) / truth).toBeCloseTo(1, 0);
      if (progress?.etaSeconds !== null) expect((progress?.etaSeconds ?? 0) / truth).toBeLessThan(1.3);
    }
    world.uploader.abort();
  });

  it("reports no more than about ten times a second", async () => {
    const world = makeWorld({ size: 100 * MIB });
    world.store.lineBytesPerSecond = 100 * MIB;
    world.start();
    await expectDone(world);
    expect(world.states.length).toBeLessThan(60);
  });
});

describe("the check before anything is sent", () => {
  it.each([
    [
      "notes.mp4",
      "just some words, and no video\n",
      "unsupported_container",
      "notes.mp4 is not a video: its first bytes are text. Slipway takes MP4, MOV, AVI, WebM and MKV.",
    ],
    [
      "party.avi",
      "\0\0\0\x14ftypisom\0\0\x02\0isom",
      "content_type_mismatch",
      "party.avi is named .avi, but its content is MP4. Rename it so that it ends in .mp4, and choose it again.",
    ],
  ])("refuses %s", async (name, leading, code, detail) => {
    const world = makeWorld({ file: new FakeFile(6 * MIB, name, latin1(leading)) });
    world.start();
    const error = await expectFailed(world, code);
    expect(error?.detail).toBe(detail);
    expect(error?.retryable).toBe(false);
    expect(world.api.calls).toEqual([]);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it("says when the file cannot be read", async () => {
    const world = makeWorld();
    world.file.readError = "NotReadableError";
    world.start();
    await expectFailed(world, "file_unreadable");
    expect(world.api.calls).toEqual([]);
  });
});

describe("the peers' failure table", () => {
  const everyFirstTry =
    (fault: Fault) =>
    (attempt: Attempt): Fault =>
      attempt.attempt === 1 ? fault : OK;

  it.each<[string, Fault]>([
    ["a connection error", { kind: "reset", at: 0 }],
    ["a reset at half of the body", { kind: "reset", at: 0.5 }],
    ["a reset at 99 % of the body", { kind: "reset", at: 0.99 }],
    ["503 SlowDown", { kind: "status", status: 503, code: "SlowDown" }],
    ["500", { kind: "status", status: 500, code: "InternalError" }],
    ["429", { kind: "status", status: 429 }],
    ["408", { kind: "status", status: 408 }],
    ["400 RequestTimeout", { kind: "status", status: 400, code: "RequestTimeout" }],
    ["400 BadDigest", { kind: "status", status: 400, code: "BadDigest" }],
    ["403 Request has expired", { kind: "status", status: 403, code: "AccessDenied" }],
    ["one progress event, then silence", { kind: "stall", at: 0.1 }],
    ["silence from the start", { kind: "stall", at: 0 }],
    ["no answer after the body", { kind: "mute" }],
  ])("recovers from %s on every part's first try", async (_, fault) => {
    const world = makeWorld({ size: 40 * MIB });
    world.store.fault = everyFirstTry(fault);
    world.start();
    await expectDone(world);
    expect(world.store.parts.size).toBe(8);
  });

  it.each<[string, Fault]>([
    ["connection errors", { kind: "reset", at: 0 }],
    ["503", { kind: "status", status: 503 }],
    ["500", { kind: "status", status: 500 }],
    ["429", { kind: "status", status: 429 }],
  ])("outlasts five minutes of %s without an offline event", async (_, fault) => {
    const world = makeWorld({ size: 40 * MIB });
    world.store.fault = (attempt) => (attempt.at < 300_000 ? fault : OK);
    world.start();
    await expectDone(world);
  });
});

describe("an outage without an offline event", () => {
  /** Lanes that draw long and short waits, as jitter does. */
  function unevenly(): () => number {
    let draws = 0;
    return () => (draws++ % 6 === 0 ? 0.2 : 0.999);
  }

  it("ends for all parts with the first one that gets through", async () => {
    const world = makeWorld({ size: 200 * MIB, random: unevenly() });
    world.store.fault = (attempt) => (attempt.at < 60_000 ? { kind: "reset", at: 0 } : OK);
    world.start();
    await world.clock.advance(120_000, () => world.store.attempts.some((attempt) => attempt.at >= 60_000));
    const back = world.clock.now();
    await world.clock.advance(1000);
    const tried = world.store.attempts.filter((attempt) => attempt.at >= back - T0);
    expect(new Set(tried.map((attempt) => attempt.part)).size).toBeGreaterThanOrEqual(6);
    await expectDone(world);
  });

  it("of the store alone is not ended by what the API answers", async () => {
    const world = makeWorld({ size: 200 * MIB, random: () => 0.999 });
    world.store.fault = (attempt) => (attempt.at < 10_000 ? { kind: "reset", at: 0 } : OK);
    world.start();
    await world.clock.advance(9900);
    expect(world.api.countOf("sign")).toBeGreaterThan(0);
    // Six lanes, each after 0.5, 1, 2, 4 and 8 s.
    expect(world.store.attempts.length).toBeLessThanOrEqual(6 * 6);
    await expectDone(world);
  });

  /** From five seconds on, for so long, whatever is sent to the store breaks. */
  function storeAway(world: World, ms: number): void {
    const isAway = () => world.clock.now() - T0 > 5000 && world.clock.now() - T0 < 5000 + ms;
    world.api.partSize = 16 * MIB;
    world.store.fault = () => (isAway() ? { kind: "reset", at: 0 } : OK);
  }

  it("of the store alone costs the API few calls: the URLs are good for longer", async () => {
    const world = makeWorld({ size: 600 * MIB, random: unevenly() });
    storeAway(world, 495_000);
    world.start();
    await expectDone(world);
    expect(world.api.countOf("sign")).toBeLessThan(10);
  });

  it("of store and API together is over with the store: nobody waits for new URLs", async () => {
    const world = makeWorld({ size: 600 * MIB, random: unevenly() });
    storeAway(world, 120_000);
    const sign = world.api.sign.bind(world.api);
    world.api.sign = async (...args) => {
      // The API is away for an hour longer.
      if (world.clock.now() - T0 < 3_600_000) throw apiFailure(503, "overloaded");
      return sign(...args);
    };
    world.start();
    const isBack = () => world.store.attempts.some((attempt) => attempt.at >= 125_000);
    await world.clock.advance(300_000, isBack);
    expect(isBack()).toBe(true);
    expect(world.clock.now() - T0 - 125_000).toBeLessThan(30_000);
    world.uploader.abort();
  });

  it("wakes nobody whom the store asked to wait", async () => {
    const world = makeWorld({ size: 20 * MIB });
    world.store.fault = (attempt) => {
      if (attempt.attempt > 1) return OK;
      return attempt.part === 1
        ? { kind: "status", status: 503, retryAfter: 60, at: 0 }
        : { kind: "reset", at: 0.99 };
    };
    world.start();
    await expectDone(world);
    const second = world.store.attempts.find((attempt) => attempt.part === 1 && attempt.attempt === 2);
    expect(second?.at).toBeGreaterThanOrEqual(60_000);
  });
});

describe("retry", () => {
  it("waits longer each time, shows it, and waits at least as long as Retry-After says", async () => {
    const world = makeWorld({ size: 5 * MIB });
    world.store.fault = (attempt) =>
      attempt.attempt <= 4
        ? { kind: "status", status: 503, ...(attempt.attempt === 4 ? { retryAfter: 20 } : {}), at: 0 }
        : OK;
    world.start();
    await world.clock.advance(100);
    expect(waitingOf(world)).toMatchObject({ reason: "retrying", attempt: 2 });
    await expectDone(world);
    const times = world.store.attempts.map((attempt) => attempt.at);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0) - 20);
    expect(gaps.slice(0, 3)).toEqual([250, 500, 1000]);
    expect(gaps[3]).toBeGreaterThanOrEqual(20_000);
  });

  it("waits as long as Retry-After says also when the network comes back meanwhile", async () => {
    const world = makeWorld({ size: 5 * MIB });
    world.store.fault = faultOn(1, { kind: "status", status: 503, retryAfter: 60 });
    world.start();
    await world.clock.advance(5000);
    world.network.go(false);
    world.network.go(true);
    await expectDone(world);
    const [first, second] = world.store.attempts.map((attempt) => attempt.at);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(60_000);
  });

  it("waits longer each time also where Retry-After always is a second", async () => {
    const world = makeWorld({ size: 5 * MIB });
    world.store.fault = () => ({ kind: "status", status: 503, retryAfter: 1 });
    world.start();
    await expectFailed(world, "network");
    expect(world.store.attempts.length).toBeLessThan(60);
  });

  it("ends only after eight failures and ten minutes without progress, and can be tried again", async () => {
    const world = makeWorld({ size: 20 * MIB });
    world.store.fault = () => ({ kind: "status", status: 503 });
    world.start();
    const error = await expectFailed(world, "network");
    expect(error).toMatchObject({ retryable: true });
    expect(error?.detail).toContain("503");
    expect(world.clock.now() - T0).toBeGreaterThanOrEqual(600_000);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it("ends when a part never gets further, although its body is nearly sent each time", async () => {
    const world = makeWorld({ size: 20 * MIB });
    world.store.fault = (attempt) => (attempt.part === 2 ? { kind: "reset", at: 0.99 } : OK);
    world.start();
    await expectFailed(world, "network");
    expect(world.store.parts.size).toBe(3);
  });

  it("ends at once with the reason when the store refuses for good", async () => {
    const world = makeWorld();
    world.store.fault = faultOn(2, { kind: "status", status: 400, code: "EntityTooLarge" });
    world.start();
    const error = await expectFailed(world, "storage_refused", 10_000);
    expect(error?.detail).toContain("EntityTooLarge");
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it("renews the URL once at a 403, and ends when a fresh one is refused too", async () => {
    const world = makeWorld();
    world.store.fault = (attempt) =>
      attempt.part === 2 ? { kind: "status", status: 403, code: "SignatureDoesNotMatch", at: 0 } : OK;
    world.start();
    const error = await expectFailed(world, "storage_refused", 10_000);
    expect(error?.detail).toContain("SignatureDoesNotMatch");
    const tries = world.store.attempts.filter((attempt) => attempt.part === 2);
    expect(tries).toHaveLength(2);
    expect(tries[0]?.urlSerial).not.toBe(tries[1]?.urlSerial);
  });

  it("asks for a new URL after a second broken connection: an expired one may look like that", async () => {
    const world = makeWorld({ size: 5 * MIB });
    world.store.fault = faultOn(1, { kind: "reset", at: 0 }, 2);
    world.start();
    await expectDone(world);
    const serials = world.store.attempts.map((attempt) => attempt.urlSerial);
    expect(serials[1]).toBe(serials[0]);
    expect(serials[2]).not.toBe(serials[0]);
  });

  it("reads and hashes a part again whose bytes arrived changed, and stops after four times", async () => {
    const world = makeWorld();
    world.store.fault = faultOn(1, { kind: "status", status: 400, code: "BadDigest" }, 99);
    world.start();
    const error = await expectFailed(world, "storage_refused");
    expect(error?.detail).toContain("damaged");
    expect(world.hasher.hashed.filter((start) => start === 0)).toHaveLength(4);
  });

  it("halves the lanes when the store is pressed, and wins them back", async () => {
    const world = makeWorld({ size: 600 * MIB });
    const openAt: [number, number][] = [];
    world.store.fault = (attempt) => {
      openAt.push([attempt.at, world.store.open]);
      return attempt.part === 20 && attempt.attempt === 1 ? { kind: "status", status: 503 } : OK;
    };
    world.start();
    await expectDone(world);
    const pressed = world.store.attempts.find((attempt) => attempt.part === 20)?.at ?? 0;
    const after = openAt.filter(([at]) => at > pressed + 650 && at < pressed + 1300).map(([, open]) => open);
    expect(Math.max(...after)).toBeLessThanOrEqual(4);
    expect(Math.max(...openAt.filter(([at]) => at > pressed + 8000).map(([, open]) => open))).toBe(6);
  });
});

describe("the stall watchdog", () => {
  it("gives a silent part 30 s and the time to drain a buffer, then a fresh attempt", async () => {
    const world = makeWorld({ size: 20 * MIB });
    world.store.fault = faultOn(1, { kind: "stall", at: 0.1 });
    world.start();
    await expectDone(world);
    const [first, second] = world.store.attempts.filter((attempt) => attempt.part === 1);
    const silence = (second?.at ?? 0) - (first?.at ?? 0);
    expect(silence).toBeGreaterThan(30_000);
    // Three parts of 5 MiB arrived in this time: 4 MiB more would have taken some seconds.
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

describe("a thin line", () => {
  it("sends few parts at once at 1 Mbit/s, so that a part fits the life of its URL", async () => {
    const world = makeWorld({ size: 200 * MIB });
    world.api.partSize = 16 * MIB;
    world.store.lineBytesPerSecond = 125_000;
    world.start();
    await world.clock.advance(60_000);
    expect(world.store.open).toBeLessThanOrEqual(2);
    await expectDone(world);
    const sent = world.store.attempts.length * 16;
    expect(sent).toBeGreaterThan(0);
    expect(world.store.attempts.some((attempt) => attempt.isExpired)).toBe(false);
    expect(world.uploader.failureReport()).toContain("stalls: 0");
  });
});

describe("a line that is slow for each connection", () => {
  async function mostOpenLater(world: World, minutes: number): Promise<number> {
    let most = 0;
    for (let minute = 0; minute < minutes; minute += 1) {
      await world.clock.advance(60_000);
      if (minute >= 8) most = Math.max(most, world.store.open);
    }
    world.uploader.abort();
    return most;
  }

  function makeSlowWorld(): World {
    const world = makeWorld({ size: 600 * MIB });
    world.api.partSize = 16 * MIB;
    world.store.bytesPerSecond = 94_000;
    return world;
  }

  it.each([12_000, 20_000])("wins its lanes back after %i ms of 503", async (ms) => {
    const world = makeSlowWorld();
    world.store.fault = ({ at }) =>
      at > 178_000 && at < 178_000 + ms ? { kind: "status", status: 503, at: 0 } : OK;
    world.start();
    expect(await mostOpenLater(world, 15)).toBeGreaterThan(2);
  });

  it("wins its lanes back after somebody else used the line", async () => {
    const world = makeSlowWorld();
    world.start();
    await world.clock.advance(200_000);
    world.store.lineBytesPerSecond = 30_000;
    await world.clock.advance(120_000);
    world.store.lineBytesPerSecond = null;
    expect(await mostOpenLater(world, 15)).toBeGreaterThan(2);
  });
});

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
    world.store.fault = (attempt) => (attempt.attempt === 1 ? { kind: "stall", at: 0.5 } : OK);
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

describe("sleep and a clock that jumps", () => {
  it("renews and goes on after an hour's sleep", async () => {
    const world = makeWorld({ size: 200 * MIB });
    await untilSending(world, 3);
    world.clock.sleep(3_600_000);
    await expectDone(world);
    expect(world.store.attempts.filter((attempt) => attempt.isExpired)).toEqual([]);
    expect(world.uploader.failureReport()).toContain("clock jumps: 1");
  });

  it.each([-3_600_000, -60_000, 60_000, 3_600_000])("survives a clock set by %i ms", async (ms) => {
    const world = makeWorld({ size: 200 * MIB });
    await untilSending(world, 3);
    world.clock.set(ms);
    await expectDone(world);
    expect(world.store.attempts.filter((attempt) => attempt.isExpired)).toEqual([]);
  });

  it("takes a clock that runs backwards by milliseconds for no jump", async () => {
    const world = makeWorld({ size: 100 * MIB });
    world.store.fault = () => {
      world.clock.set(-5);
      return OK;
    };
    world.start();
    await expectDone(world);
    expect(world.uploader.failureReport()).toContain("clock jumps: 0");
    expect(world.api.countOf("sign")).toBe(0);
  });

  it("does not take old URLs for young ones after the clock was set back", async () => {
    const world = makeWorld({ size: 120 * MIB });
    world.store.lineBytesPerSecond = 60_000;
    await untilSending(world, 1);
    world.clock.set(-3_600_000);
    await expectDone(world);
    expect(world.store.attempts.filter((attempt) => attempt.isExpired)).toEqual([]);
  });

  it.each([45_000, 60_000, 70_000, 100_000])(
    "leaves connections alone that survived a nap of %i ms",
    async (ms) => {
      const world = makeWorld({ size: 40 * MIB });
      await untilSending(world, 1);
      // Silent for a while before and after, as a connection is that must find its way again.
      world.store.frozenUntil = world.clock.trueNow() + 5000;
      await world.clock.advance(2000);
      world.clock.sleep(ms);
      await expectDone(world);
      expect(world.store.attempts).toHaveLength(8);
    },
  );

  it.each<[string, (world: World) => void]>([
    ["a nap of 45 s", (world) => world.clock.sleep(45_000)],
    ["a nap of 70 s", (world) => world.clock.sleep(70_000)],
    ["a clock put 45 s forward", (world) => world.clock.set(45_000)],
  ])("does not take %s for a slow line", async (_, happen) => {
    const world = makeWorld({ size: 200 * MIB });
    world.api.partSize = 16 * MIB;
    world.store.lineBytesPerSecond = 600_000;
    world.start();
    await world.clock.advance(20_999);
    happen(world);
    await world.clock.advance(5000);
    expect(progressOf(world.uploader.getState())?.bytesPerSecond).toBeGreaterThan(500_000);
    await expectDone(world);
    expect(world.store.attempts).toHaveLength(13);
  });

  it("does not count the sleep as time without progress", async () => {
    const world = makeWorld({ size: 5 * MIB, random: () => 0.3 });
    let isAsleep = true;
    world.store.fault = ({ attempt }) => (isAsleep && attempt <= 8 ? { kind: "reset", at: 0.1 } : OK);
    world.start();
    await world.clock.advance(600_000, () => world.store.attempts.length === 8);
    world.clock.sleep(3_600_000);
    isAsleep = false;
    await expectDone(world);
  });

  it("starts connections anew soon after waking that died with their body sent", async () => {
    const world = makeWorld({ size: 30 * MIB });
    world.store.fault = ({ attempt, part }) => (attempt === 1 && part > 3 ? { kind: "mute" } : OK);
    world.start();
    await world.clock.advance(5000);
    world.clock.sleep(1_800_000);
    const woke = world.clock.now();
    await expectDone(world);
    expect(world.clock.now() - woke).toBeLessThan(35_000);
  });

  it("starts dead connections anew soon after waking", async () => {
    const world = makeWorld({ size: 30 * MIB });
    world.store.fault = (attempt) => (attempt.attempt === 1 ? { kind: "stall", at: 0.2 } : OK);
    world.start();
    await world.clock.advance(5000);
    world.clock.sleep(1_800_000);
    const woke = world.clock.now();
    await expectDone(world);
    expect(world.clock.now() - woke).toBeLessThan(35_000);
  });
});

describe("a hidden tab, whose timers come once a minute", () => {
  function makeHiddenWorld(): World {
    const world = makeWorld({ size: 2000 * MIB });
    world.api.partSize = 16 * MIB;
    world.store.lineBytesPerSecond = 4 * MIB;
    const after = world.clock.after.bind(world.clock);
    world.clock.after = (ms, callback) => after(ms === 1000 ? 60_000 : ms, callback);
    return world;
  }

  it("still measures the line", async () => {
    const world = makeHiddenWorld();
    world.start();
    await world.clock.advance(250_000);
    const progress = progressOf(world.uploader.getState());
    expect((progress?.bytesPerSecond ?? 0) / (4 * MIB)).toBeCloseTo(1, 1);
    expect(progress?.etaSeconds).not.toBeNull();
    expect(world.uploader.failureReport()).toContain("clock jumps: 0");
    world.uploader.abort();
  });

  it("starts dead connections anew within a few of those minutes", async () => {
    const world = makeHiddenWorld();
    world.store.fault = ({ at }) => (at < 65_000 ? { kind: "stall", at: 0.9 } : OK);
    world.start();
    await world.clock.advance(250_000);
    expect(world.store.parts.size).toBeGreaterThan(2);
    world.uploader.abort();
  });
});

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
    expect(error).toMatchObject({ retryable: true, detail: expect.stringContaining("needs very long") });
    expect(world.clock.now() - T0).toBeGreaterThan(900_000);
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

  it("ends create after eight failures: nothing is lost by trying again later", async () => {
    const world = makeWorld();
    for (let index = 0; index < 20; index += 1) world.api.failures.create.push(apiFailure(503, "overloaded"));
    world.start();
    expect(await expectFailed(world, "network", 300_000)).toMatchObject({ retryable: true });
    expect(world.api.countOf("create")).toBe(8);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it.each([
    ["quota_exceeded", 409, true],
    ["file_too_large", 413, false],
    ["csrf_rejected", 403, false],
  ])("passes on %s in the API's words", async (code, status, retryable) => {
    const world = makeWorld();
    world.api.failures.create.push(apiFailure(status, code));
    world.start();
    const error = await expectFailed(world, code === "csrf_rejected" ? "rejected" : code);
    expect(error).toMatchObject({ detail: `The API says ${code}.`, requestId: "req-1", retryable });
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
      expect(error).toMatchObject({ retryable: true, detail: expect.stringContaining(String(status)) });
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

describe("a file that changes on disk", () => {
  it("ends with that reason, and leaves nothing in the store", async () => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 3);
    world.file.readError = "NotReadableError";
    world.store.fault = () => ({ kind: "reset", at: 0 });
    const error = await expectFailed(world, "file_changed");
    expect(error).toMatchObject({ retryable: false });
    await world.clock.advance(5000);
    expect(world.api.videos.size).toBe(0);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it("is told as that when a person tries again", async () => {
    const world = makeWorld();
    world.store.fault = () => ({ kind: "status", status: 400, code: "Odd" });
    world.start();
    await expectFailed(world, "storage_refused");
    world.file.readError = "NotReadableError";
    world.uploader.retry();
    await expectFailed(world, "file_changed");
  });

  it("ends when the worker cannot read it either", async () => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 3);
    world.hasher.mode = "unreadable";
    world.file.readError = "NotFoundError";
    await expectFailed(world, "file_unreadable");
  });
});

describe("hashing", () => {
  it("ends with that reason where the disk has a bad spot, not with the network's", async () => {
    const world = makeWorld();
    const read = world.file.read.bind(world.file);
    world.file.read = async (start, end) => {
      if (end > 16 * MIB) throw new DOMException("no", "NotReadableError");
      return read(start, end);
    };
    const md5 = world.hasher.md5.bind(world.hasher);
    world.hasher.md5 = (slice, signal) =>
      slice.arrayBuffer().then(
        () => md5(slice, signal),
        () => ({ kind: "unreadable" }),
      );
    world.store.fault = (attempt) => (attempt.part === 4 ? { kind: "reset", at: 0.2 } : OK);
    world.start();
    await expectFailed(world, "file_changed");
    expect(world.store.attempts.filter((attempt) => attempt.part === 4)).toEqual([]);
  });

  it.each(["unavailable", "silent", "throws", "unreadable"] as const)(
    "is never a dead upload: %s",
    async (mode) => {
      const world = makeWorld();
      world.hasher.mode = mode;
      world.start();
      await expectDone(world);
      expect(world.store.attempts.every((attempt) => attempt.contentMd5 === null)).toBe(true);
      expect(world.api.lastProof).toEqual([]);
    },
  );

  it("is not given up on a slow disk, where a part's turn comes late", async () => {
    const world = makeWorld({ size: 400 * MIB });
    world.api.partSize = 16 * MIB;
    world.store.lineBytesPerSecond = MIB;
    // Two workers, 16 s a part, one after another.
    const freeAt = [0, 0];
    const md5 = world.hasher.md5.bind(world.hasher);
    world.hasher.md5 = async (slice, signal) => {
      freeAt.sort((a, b) => a - b);
      const now = world.clock.now();
      const doneAt = Math.max(now, freeAt[0] ?? 0) + 16_000;
      freeAt[0] = doneAt;
      await new Promise<void>((resolve) => world.clock.after(doneAt - now, resolve));
      return md5(slice, signal);
    };
    world.start();
    await expectDone(world);
    expect(world.store.attempts.filter((attempt) => attempt.contentMd5 === null)).toEqual([]);
  });

  it.each(["unavailable", "silent"] as const)("that is %s is told in the report", async (mode) => {
    const world = makeWorld();
    world.hasher.mode = mode;
    world.start();
    await expectDone(world);
    expect(world.uploader.failureReport().match(/no hashes/g)).toHaveLength(1);
    const proven = makeWorld();
    proven.start();
    await expectDone(proven);
    expect(proven.uploader.failureReport()).not.toContain("no hashes");
  });

  it("lets workers go that were started for nothing", () => {
    const world = makeWorld();
    world.uploader.warmUp();
    world.uploader.dispose();
    expect(world.hasher.rests).toBe(1);
  });

  it("is not waited for again once it has not answered for a minute", async () => {
    const world = makeWorld({ size: 200 * MIB });
    world.hasher.mode = "silent";
    world.start();
    await expectDone(world);
    expect(world.clock.now() - T0).toBeLessThan(75_000);
  });
});

describe("listeners", () => {
  it("are all taken off every signal again, also those of failed attempts", async () => {
    const added = vi.spyOn(EventTarget.prototype, "addEventListener");
    const removed = vi.spyOn(EventTarget.prototype, "removeEventListener");
    const live = (spy: { mock: { contexts: unknown[] } }) =>
      spy.mock.contexts.filter((target) => target instanceof AbortSignal).length;
    const world = makeWorld({ size: 100 * MIB });
    world.store.fault = (attempt) => (attempt.attempt === 1 ? { kind: "status", status: 500 } : OK);
    world.start();
    await expectDone(world);
    expect(live(added)).toBeGreaterThan(100);
    expect(live(removed)).toBe(live(added));
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
    for (let index = 0; index < 8; index += 1) world.api.failures.remove.push(apiFailure(0, "network"));
    world.uploader.abort();
    await world.clock.advance(3_600_000, () => world.api.countOf("remove") === 8);
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
    world.store.fault = () => ({ kind: "status", status: 400, code: "Odd" });
    world.start();
    await expectFailed(world, "storage_refused");
    expect(world.api.videos.size).toBe(1);
    world.uploader.abort();
    await world.clock.advance(1000);
    expect(world.uploader.getState().status).toBe("aborted");
    expect(world.api.videos.size).toBe(0);
  });
});

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
    await expectDone(assembling);
    assembling.guards.leave();
    expect(assembling.api.unloads).toEqual([]);
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
    const world = makeWorld({ file: new FakeFile(5 * MIB, "Dismissal of.Anna B") });
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
