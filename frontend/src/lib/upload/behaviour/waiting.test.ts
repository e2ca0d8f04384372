import { describe, expect, it } from "vitest";
import { apiFailure, expectDone, type Fault, MIB, makeWorld, OK, untilSending, type World } from "../testing";
import type { UploadState } from "../types";

/** The reasons to wait that the page saw, each change of reason once. */
function reasonsSeen({ states }: World): (string | null)[] {
  const seen = states.map((state) => ("waiting" in state ? (state.waiting?.reason ?? null) : null));
  return seen.filter((reason, index) => index === 0 || reason !== seen[index - 1]);
}

const attemptShown = (state: UploadState) =>
  "waiting" in state && state.waiting?.reason === "retrying" ? state.waiting : null;

describe("the waiting look during an outage", () => {
  it.each<[string, Fault]>([
    ["breaks each connection", { kind: "reset", at: 0 }],
    ["answers 503 at once", { kind: "status", status: 503, at: 0 }],
    ["answers 503 after the body", { kind: "status", status: 503 }],
    ["stops each body in its middle", { kind: "reset", at: 0.5 }],
  ])("stays from the first failure until bytes move where the storage %s", async (_, fault) => {
    const world = makeWorld({ size: 200 * MIB });
    await untilSending(world, 6);
    const from = world.clock.trueNow();
    world.store.fault = () => (world.clock.trueNow() - from < 60_000 ? fault : OK);
    await expectDone(world);
    expect(reasonsSeen(world)).toEqual([null, "retrying", null]);
  });

  it("stays while Slipway doesn't answer", async () => {
    const world = makeWorld();
    world.api.failures.complete.push(...Array.from({ length: 6 }, () => apiFailure(503, "overloaded")));
    world.start();
    await expectDone(world);
    expect(reasonsSeen(world)).toEqual([null, "retrying", null]);
  });

  it("does not end with an answer of Slipway while the storage is silent", async () => {
    const world = makeWorld({ size: 200 * MIB });
    await untilSending(world, 6);
    const from = world.clock.trueNow();
    world.store.fault = () => (world.clock.trueNow() - from < 60_000 ? { kind: "reset", at: 0 } : OK);
    const signedBefore = world.api.countOf("sign");
    await expectDone(world);
    expect(world.api.countOf("sign")).toBeGreaterThan(signedBefore);
    expect(reasonsSeen(world)).toEqual([null, "retrying", null]);
  });

  it("counts down to each attempt, and to none while one runs", async () => {
    const world = makeWorld({ size: 5 * MIB });
    world.store.fault = ({ attempt }) => (attempt < 4 ? { kind: "reset", at: 0.5 } : OK);
    world.start();
    await expectDone(world);
    const shown = world.states.map(attemptShown).filter((waiting) => waiting !== null);
    expect(shown.some(({ attempt, resumesInMs }) => attempt === 3 && resumesInMs > 0)).toBe(true);
    expect(shown.some(({ attempt, resumesInMs }) => attempt === 3 && resumesInMs === 0)).toBe(true);
  });

  it("counts the attempts that Slipway refused because of too many requests", async () => {
    const world = makeWorld();
    world.api.failures.create.push(
      apiFailure(429, "rate_limited", {}, 5),
      apiFailure(429, "rate_limited", {}, 5),
      apiFailure(503, "overloaded"),
    );
    world.start();
    await expectDone(world);
    const shown = world.states.map(attemptShown).filter((waiting) => waiting !== null);
    expect([...new Set(shown.map(({ attempt }) => attempt))]).toEqual([2, 3, 4]);
  });
});
