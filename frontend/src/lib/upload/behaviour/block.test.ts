import { describe, expect, it } from "vitest";
import { waitingSentence } from "@/components/upload/upload-announcement";
import { ALL_ENGLISH } from "@/text/all-english";
import { failureText } from "@/text/failure-text";
import { BLOCKED_BY_POLICY } from "../ports";
import {
  type Attempt,
  expectDone,
  expectFailed,
  type Fault,
  MIB,
  makeWorld,
  OK,
  type World,
  waitingOf,
} from "../testing";

const TOO_LARGE = "limit the size of requests";
const BLOCKED = "An extension, a company network or a CORS rule seems to block the storage";

/** What keeps parts from the store, and what is seen of it. */
interface Block {
  readonly fault: (attempt: Attempt) => Fault;
  /** The answer to a small body. 0 is none. */
  readonly probe: number;
  readonly code: string;
  readonly words: string;
  readonly withinMs?: number;
}

const reset = (at: number) => (): Fault => ({ kind: "reset", at });

const BLOCKS: Record<string, Block> = {
  "413 without CORS headers": { fault: reset(0), probe: 403, code: "request_too_large", words: TOO_LARGE },
  "413 after some MiB": { fault: reset(0.6), probe: 403, code: "request_too_large", words: TOO_LARGE },
  "a reset after the body": { fault: reset(0.99), probe: 400, code: "request_too_large", words: TOO_LARGE },
  "an extension or a filter": { fault: reset(0), probe: 0, code: "storage_blocked", words: BLOCKED },
  "a firewall that drops packets": {
    fault: () => ({ kind: "stall", at: 0 }),
    probe: 0,
    code: "storage_blocked",
    words: BLOCKED,
    withinMs: 75_000,
  },
  "a tunnel that drops large packets": {
    fault: () => ({ kind: "stall", at: 0.3 }),
    probe: 403,
    code: "request_too_large",
    words: TOO_LARGE,
    withinMs: 75_000,
  },
  "a policy of the page": {
    fault: () => ({ kind: "status", status: 0, code: BLOCKED_BY_POLICY, at: 0 }),
    probe: 0,
    code: "storage_blocked",
    words: "Content-Security-Policy seems to block the storage",
  },
};

function blockedWorld({ fault, probe }: Block, size = 40 * MIB): World {
  const world = makeWorld({ size });
  world.store.fault = fault;
  world.store.probe = () => probe;
  return world;
}

describe.each(Object.entries(BLOCKS))("parts that are kept from the store by %s", (_, block) => {
  it("have a reason within a minute, which stays until the upload ends with it", async () => {
    const world = blockedWorld(block);
    world.start();
    await world.clock.advance(block.withinMs ?? 59_000, () => waitingOf(world)?.reason === "blocked");
    const waiting = waitingOf(world);
    expect(waiting && waitingSentence(ALL_ENGLISH, waiting)).toContain(block.words);
    const probes = world.store.probes.length;
    await world.clock.advance(60_000);
    expect(waitingOf(world)).toEqual(waiting);
    expect(world.store.probes).toHaveLength(probes);
    const error = await expectFailed(world, block.code);
    expect(error).toMatchObject({ retryable: true });
    expect(error && failureText(ALL_ENGLISH, error.reason, "send")).toContain(block.words);
    expect(world.telemetry.at(-1)).toMatchObject({ error_code: block.code });
  });

  it("are told to the operator also when the user gives up", async () => {
    const world = blockedWorld(block);
    world.start();
    await world.clock.advance(block.withinMs ?? 59_000);
    expect(world.uploader.failureReport()).toContain(`error: ${block.code}`);
    world.uploader.abort();
    expect(world.telemetry.at(-1)).toMatchObject({ outcome: "aborted", error_code: block.code });
  });

  it("arrive once nothing keeps them any more, and nothing is told", async () => {
    const world = blockedWorld(block);
    world.start();
    await world.clock.advance(59_000);
    world.store.fault = () => OK;
    await expectDone(world);
    expect(world.telemetry.at(-1)).toMatchObject({ outcome: "done", error_code: null });
  });
});

describe("a small body that tells what keeps parts from the store", () => {
  it.each([5 * MIB, 1000, 40])("never has the length of its part: %i bytes", async (size) => {
    const world = blockedWorld(BLOCKS["413 without CORS headers"] as Block, size);
    world.start();
    await world.clock.advance(59_000);
    expect(world.store.probes).toEqual([Math.min(1024, size - 1)]);
    world.uploader.abort();
  });

  it.each([0, 404, 503])(
    "leaves it open when the server answers %i for itself and its store",
    async (status) => {
      const world = blockedWorld(BLOCKS["an extension or a filter"] as Block);
      world.api.healthStatus = status;
      world.start();
      await world.clock.advance(59_000);
      expect(waitingOf(world)?.reason).not.toBe("blocked");
      await expectFailed(world, "network");
    },
  );

  it("is sent once, although several parts fail meanwhile", async () => {
    const world = blockedWorld(BLOCKS["413 without CORS headers"] as Block);
    world.start();
    await world.clock.advance(30);
    world.api.latencyMs = 8000;
    await world.clock.advance(58_000);
    expect(world.store.probes).toHaveLength(1);
    world.uploader.abort();
  });

  it.each([0.3, 0.9])("is not sent where a bad link breaks each connection at %d of its body", async (at) => {
    const world = makeWorld({ size: 96 * MIB });
    world.api.partSize = 16 * MIB;
    world.store.lineBytesPerSecond = 125_000;
    world.store.fault = ({ attempt }) => (attempt < 6 ? { kind: "reset", at } : OK);
    world.start();
    await expectDone(world);
    expect(world.store.probes).toEqual([]);
  });

  it("calls no limit what was sleep", async () => {
    const world = makeWorld({ size: 5 * MIB });
    world.store.fault = ({ at }) => (at < 5000 ? { kind: "stall", at: 0 } : OK);
    world.start();
    await world.clock.advance(3000);
    world.clock.sleep(1_800_000);
    await expectDone(world);
    expect(world.states.some((state) => "waiting" in state && state.waiting?.reason === "blocked")).toBe(
      false,
    );
  });

  it("does not blame a connection that stands still, or a small body that gets no answer either", async () => {
    const world = makeWorld({ size: 40 * MIB });
    world.store.fault = ({ attempt }) => (attempt < 2 ? { kind: "stall", at: 0.3 } : OK);
    world.store.probe = () => 0;
    world.start();
    await expectDone(world);
    expect(world.store.probes).toHaveLength(1);
    expect(world.states.some((state) => "waiting" in state && state.waiting?.reason === "blocked")).toBe(
      false,
    );
  });

  it("leaves it open when parts of that size arrived", async () => {
    const world = makeWorld({ size: 40 * MIB });
    world.store.fault = ({ part }) => (part > 4 ? { kind: "reset", at: 0 } : OK);
    world.start();
    await expectFailed(world, "network");
    expect(world.states.some((state) => "waiting" in state && state.waiting?.reason === "blocked")).toBe(
      false,
    );
  });
});

it("a 413 that the page can read names the limit", async () => {
  const world = makeWorld();
  world.store.fault = () => ({ kind: "status", status: 413, at: 0 });
  world.start();
  const error = await expectFailed(world, "request_too_large", 10_000);
  expect(error && failureText(ALL_ENGLISH, error.reason, "send")).toContain(TOO_LARGE);
});

it("does not tell an earlier attempt's reason when the user tries again on another network", async () => {
  const world = makeWorld({ size: 40 * MIB });
  world.store.fault = () => ({ kind: "reset", at: 0 });
  world.store.probe = () => 403;
  world.start();
  await expectFailed(world, "request_too_large");
  world.api.healthStatus = 0;
  world.store.probe = () => 0;
  world.uploader.retry();
  await expectFailed(world, "network");
});

it("is not told to a new attempt by the look that an earlier one began", async () => {
  const world = makeWorld({ size: 60 * MIB, random: () => 0 });
  let isBroken = true;
  world.store.bytesPerSecond = MIB / 2;
  world.store.fault = ({ part }) => {
    if (!isBroken) return OK;
    return part === 2 ? { kind: "reset", at: 0 } : { kind: "status", status: 400, code: "Odd", at: 0.5 };
  };
  world.store.probe = () => 0;
  // The server answers after the new attempt has begun.
  world.api.latencyMs = 8000;
  world.start();
  await expectFailed(world, "storage_refused");
  expect(world.api.healthCalls).toBe(1);
  isBroken = false;
  world.api.latencyMs = 20;
  const from = world.states.length;
  world.uploader.retry();
  await expectDone(world);
  const told = world.states.slice(from).map((state) => ("waiting" in state ? state.waiting?.reason : null));
  expect(told).not.toContain("blocked");
  expect(world.uploader.failureReport()).toContain("error: none");
});

it("is not looked for any more once the user cancels", async () => {
  const world = blockedWorld(BLOCKS["an extension or a filter"] as Block);
  world.start();
  await world.clock.advance(59_000, () => world.api.healthCalls > 0);
  expect(world.api.healthSignal?.aborted).toBe(false);
  world.uploader.abort();
  expect(world.api.healthSignal?.aborted).toBe(true);
});

it("is no longer told once bytes move", async () => {
  const world = makeWorld({ size: 40 * MIB });
  world.store.lineBytesPerSecond = 60_000;
  world.store.fault = ({ at }) => (at < 30_000 ? { kind: "reset", at: 0 } : OK);
  world.store.probe = () => 0;
  world.start();
  await world.clock.advance(140_000);
  expect(world.uploader.getState()).toMatchObject({ status: "sending", waiting: null });
  world.uploader.abort();
});
