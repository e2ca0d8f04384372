import { describe, expect, it } from "vitest";
import { ALL_ENGLISH } from "@/text/all-english";
import { failureText } from "@/text/failure-text";
import { NO_PROGRESS_LIMIT_MS } from "../rules/retry";
import {
  type Attempt,
  apiFailure,
  expectDone,
  expectFailed,
  type Fault,
  faultOn,
  MIB,
  makeWorld,
  NO_LEAKS,
  OK,
  T0,
  type World,
  waitingOf,
} from "../testing";

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
  /** Concurrency that draw long and short waits, as jitter does. */
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
    // Six parts at once, each again after 0.5, 1, 2, 4 and 8 s.
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

  it("ends only after the limit of failures and the time without progress, and can be tried again", async () => {
    const world = makeWorld({ size: 20 * MIB });
    world.store.fault = () => ({ kind: "status", status: 503 });
    world.start();
    const error = await expectFailed(world, "network");
    expect(error).toMatchObject({ retryable: true });
    expect(error && failureText(ALL_ENGLISH, error.reason, "send")).toContain("503");
    expect(world.clock.now() - T0).toBeGreaterThanOrEqual(NO_PROGRESS_LIMIT_MS);
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
    expect(error && failureText(ALL_ENGLISH, error.reason, "send")).toContain("EntityTooLarge");
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it("renews the URL once at a 403, and ends when a fresh one is refused too", async () => {
    const world = makeWorld();
    world.store.fault = (attempt) =>
      attempt.part === 2 ? { kind: "status", status: 403, code: "SignatureDoesNotMatch", at: 0 } : OK;
    world.start();
    const error = await expectFailed(world, "storage_refused", 10_000);
    expect(error && failureText(ALL_ENGLISH, error.reason, "send")).toContain("SignatureDoesNotMatch");
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
    expect(error && failureText(ALL_ENGLISH, error.reason, "send")).toContain("damaged");
    expect(world.store.attempts.filter(({ part }) => part === 1)).toHaveLength(4);
    expect(world.hasher.hashed.filter((start) => start === 0).length).toBeGreaterThanOrEqual(4);
  });

  it("halves the concurrency when the store is busy, and restores it", async () => {
    const world = makeWorld({ size: 600 * MIB });
    const openAt: [number, number][] = [];
    world.store.fault = (attempt) => {
      openAt.push([attempt.at, world.store.open]);
      return attempt.part === 20 && attempt.attempt === 1 ? { kind: "status", status: 503 } : OK;
    };
    world.start();
    await expectDone(world);
    const pressed = world.store.attempts.find((attempt) => attempt.part === 20)?.at ?? 0;
    const after = openAt.filter(([at]) => at > pressed + 650 && at < pressed + 1000).map(([, open]) => open);
    expect(Math.max(...after)).toBeLessThanOrEqual(4);
    expect(Math.max(...openAt.filter(([at]) => at > pressed + 8000).map(([, open]) => open))).toBe(6);
  });
});
