// Checks that an upload ends once and completely, whatever the network, the API and the user do.
import fc from "fast-check";
import { expect, it } from "vitest";
import { NO_PROGRESS_LIMIT_MS } from "../rules/retry";
import { isRunning } from "../rules/upload-state";
import {
  apiFailure,
  type Call,
  type Fault,
  isTerminal,
  MIB,
  makeWorld,
  NO_LEAKS,
  type World,
} from "../testing";

const share = fc.constantFrom(0, 0.1, 0.5, 0.99);

const partFault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Fault>({ kind: "ok" }) },
  fc.record({ kind: fc.constant("reset" as const), at: share }),
  fc.record({ kind: fc.constant("stall" as const), at: share }),
  fc.constant<Fault>({ kind: "mute" }),
  fc.record({
    kind: fc.constant("status" as const),
    status: fc.constantFrom(408, 429, 500, 502, 503, 504),
    at: share,
  }),
  fc.constant<Fault>({ kind: "status", status: 503, code: "SlowDown", retryAfter: 7 }),
  fc.constant<Fault>({ kind: "status", status: 400, code: "RequestTimeout" }),
  fc.constant<Fault>({ kind: "status", status: 400, code: "BadDigest" }),
  fc.constant<Fault>({ kind: "status", status: 403, code: "AccessDenied", at: 0 }),
  { weight: 1, arbitrary: fc.constant<Fault>({ kind: "status", status: 400, code: "Final" }) },
);

type CallFault = "ok" | "lost" | "hang" | "503" | "0" | "401" | "incomplete" | "gone" | "final";

const callFault = fc.oneof(
  { weight: 4, arbitrary: fc.constant<CallFault>("ok") },
  { weight: 6, arbitrary: fc.constantFrom<CallFault>("lost", "hang", "503", "0", "401") },
  { weight: 1, arbitrary: fc.constantFrom<CallFault>("incomplete", "gone", "final") },
);

/** A key that made a video is not refused later. */
const createFault = fc.constantFrom<CallFault>("ok", "lost", "hang", "503", "0");

const happening = fc.record({
  afterMs: fc.integer({ min: 0, max: 90_000 }),
  what: fc.constantFrom(
    "offline",
    "online",
    "sleep",
    "nap",
    "clock back",
    "clock on",
    "freeze",
    "sign in",
    "abort",
    "retry",
    "reset",
    "start",
    "dispose",
  ),
});

const schedule = fc.record({
  sizeMib: fc.integer({ min: 1, max: 90 }),
  firstBatch: fc.integer({ min: 1, max: 8 }),
  urlLifeMs: fc.constantFrom(3000, 60_000, 900_000),
  skewMs: fc.constantFrom(-960_000, 0, 960_000),
  lineBytesPerSecond: fc.constantFrom(null, 300_000, 4 * MIB),
  parts: fc.array(partFault, { maxLength: 40 }),
  create: fc.array(createFault, { maxLength: 4 }),
  sign: fc.array(callFault, { maxLength: 4 }),
  complete: fc.array(callFault, { maxLength: 4 }),
  happenings: fc.array(happening, { maxLength: 5 }),
  seed: fc.double({ min: 0, max: 0.999, noNaN: true }),
});

function failuresOf(faults: readonly CallFault[]) {
  return faults.map((fault) => {
    switch (fault) {
      case "ok":
        return null;
      case "lost":
        return { lost: true } as const;
      case "hang":
        return { hang: true } as const;
      case "503":
        return apiFailure(503, "overloaded", {}, 3);
      case "0":
        return apiFailure(0, "network");
      case "401":
        return apiFailure(401, "not_authenticated");
      case "incomplete":
        return apiFailure(409, "parts_incomplete", { missing: [1], mismatched: [] });
      case "gone":
        return { gone: true } as const;
      default:
        return apiFailure(403, "csrf_rejected");
    }
  });
}

const HAPPEN: Record<string, (world: World) => void> = {
  offline: (world) => world.network.go(false),
  online: (world) => world.network.go(true),
  sleep: (world) => world.clock.sleep(1_800_000),
  nap: (world) => world.clock.sleep(50_000),
  "clock back": (world) => world.clock.set(-600_000),
  "clock on": (world) => world.clock.set(1_200_000),
  freeze: (world) => {
    world.store.frozenUntil = world.clock.trueNow() + 45_000;
  },
  "sign in": (world) => world.uploader.signedIn(),
  start: (world) => world.start(),
  dispose: (world) => world.uploader.dispose(),
  abort: (world) => world.uploader.abort(),
  retry: (world) => world.uploader.retry(),
  reset: (world) => world.uploader.reset(),
};

it("ends once, complete or with nothing held, under any schedule of faults", {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(schedule, async (given) => {
      const size = given.sizeMib * MIB + 17;
      const world = makeWorld({ size, random: () => given.seed });
      Object.assign(world.api, {
        firstBatch: given.firstBatch,
        urlLifeMs: given.urlLifeMs,
        skewMs: given.skewMs,
      });
      world.store.lineBytesPerSecond = given.lineBytesPerSecond;
      const faults = [...given.parts];
      world.store.fault = () => faults.shift() ?? { kind: "ok" };
      for (const call of ["create", "sign", "complete"] satisfies Call[])
        world.api.failures[call].push(...failuresOf(given[call]));

      const removedWhole: string[] = [];
      const remove = world.api.remove.bind(world.api);
      world.api.remove = (id, signal) => {
        if (world.api.videos.get(id)?.status === "processing") removedWhole.push(id);
        return remove(id, signal);
      };
      let isCancelled = false;
      let isDisposed = false;

      const leftToServer = new Set<string>();
      let ends = 0;
      let last = world.uploader.getState();
      let percent = 0;
      world.uploader.subscribe(() => {
        const state = world.uploader.getState();
        if (isTerminal(state) && !isTerminal(last)) ends += 1;
        if (state.status === "failed" && state.mayBeComplete) leftToServer.add(state.videoId ?? "");
        // The person cancelled the failed upload, which removes its video.
        if (state.status === "aborted" && last.status === "failed") leftToServer.delete(last.videoId ?? "");
        if (state.status === "checking") percent = 0;
        if ("progress" in state) {
          expect(state.progress.percent).toBeLessThanOrEqual(99);
          expect(state.progress.percent).toBeGreaterThanOrEqual(percent);
          expect(state.progress.bytesSent).toBeLessThanOrEqual(size);
          percent = state.progress.percent;
        }
        last = state;
      });

      world.start();
      let runs = 1;
      for (const { afterMs, what } of given.happenings) {
        await world.clock.advance(afterMs);
        const wasRunning = isRunning(last);
        if (what === "abort") isCancelled = true;
        if (what === "dispose") isDisposed = true;
        HAPPEN[what]?.(world);
        if (!wasRunning && isRunning(world.uploader.getState())) runs += 1;
      }
      world.network.go(true);
      // A person signs in again whenever asked.
      for (let minute = 0; minute < 300 && !isTerminal(last) && last.status !== "idle"; minute += 1) {
        await world.clock.advance(60_000, () => isTerminal(last));
        world.uploader.signedIn();
      }
      const end = world.uploader.getState();
      if (end.status !== "idle") {
        expect(isTerminal(end)).toBe(true);
        expect(ends === runs || (ends === runs + 1 && end.status === "aborted")).toBe(true);
      }

      if (end.status === "done") {
        const parts = [...world.store.parts.values()].sort((a, b) => a.start - b.start);
        let reached = 0;
        for (const part of parts) {
          expect(part.start).toBe(reached);
          reached = part.end;
        }
        expect(reached).toBe(size);
        expect(end.video.status).toBe("processing");
      }
      if (!isCancelled) expect(removedWhole).toEqual([]);

      await world.clock.advance(600_000);
      expect(world.leaks()).toEqual(NO_LEAKS);
      // A page that breaks cannot ask whether the video is complete. One that may be is left to the server.
      if (end.status === "aborted" && !isDisposed) {
        const left = [...world.api.videos].filter(([, { status }]) => status === "uploading");
        expect(left.filter(([id]) => !leftToServer.has(id))).toEqual([]);
      }
    }),
    { numRuns: Number(process.env.ENGINE_RUNS ?? 300) },
  );
});

const passingFault: fc.Arbitrary<Fault> = fc.oneof(
  fc.constant<Fault>({ kind: "ok" }),
  fc.record({ kind: fc.constant("reset" as const), at: share }),
  fc.record({ kind: fc.constant("stall" as const), at: share }),
  fc.constant<Fault>({ kind: "mute" }),
  fc.record({ kind: fc.constant("status" as const), status: fc.constantFrom(408, 429, 500, 503), at: share }),
  fc.constant<Fault>({ kind: "status", status: 400, code: "RequestTimeout" }),
);

it("ends done when every fault passes, if the user tries again after each end without progress", {
  timeout: 600_000,
}, async () => {
  const passingSchedule = fc.record({
    sizeMib: fc.integer({ min: 1, max: 90 }),
    urlLifeMs: fc.constantFrom(3000, 60_000, 900_000),
    lineBytesPerSecond: fc.constantFrom(null, 300_000, 4 * MIB),
    parts: fc.array(passingFault, { maxLength: 60 }),
    create: fc.array(createFault, { maxLength: 5 }),
    sign: fc.array(createFault, { maxLength: 8 }),
    complete: fc.array(createFault, { maxLength: 8 }),
    happenings: fc.array(
      fc.record({
        afterMs: fc.integer({ min: 0, max: 90_000 }),
        what: fc.constantFrom("offline", "online", "sleep", "clock back", "freeze"),
      }),
      { maxLength: 6 },
    ),
    seed: fc.double({ min: 0, max: 0.999, noNaN: true }),
  });
  await fc.assert(
    fc.asyncProperty(passingSchedule, async (given) => {
      const world = makeWorld({ size: given.sizeMib * MIB, random: () => given.seed });
      world.api.urlLifeMs = given.urlLifeMs;
      world.store.lineBytesPerSecond = given.lineBytesPerSecond;
      const faults = [...given.parts];
      world.store.fault = () => faults.shift() ?? { kind: "ok" };
      for (const call of ["create", "sign", "complete"] satisfies Call[])
        world.api.failures[call].push(...failuresOf(given[call]));
      world.start();
      for (const { afterMs, what } of given.happenings) {
        await world.clock.advance(afterMs);
        HAPPEN[what]?.(world);
      }
      world.network.go(true);
      let triedAt = 0;
      let end = await world.finish(20_000_000);
      // It has run into at least MAX_FAILURES of the faults, so this ends.
      while (end.status === "failed" && end.error.retryable) {
        expect(world.clock.trueNow() - triedAt).toBeGreaterThanOrEqual(NO_PROGRESS_LIMIT_MS);
        triedAt = world.clock.trueNow();
        world.uploader.retry();
        end = await world.finish(20_000_000);
      }
      expect(end).toMatchObject({ status: "done" });
      await world.clock.settle();
      expect(world.leaks()).toEqual(NO_LEAKS);
    }),
    { numRuns: Number(process.env.ENGINE_RUNS ?? 150) },
  );
});
