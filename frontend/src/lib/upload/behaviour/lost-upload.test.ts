import { describe, expect, it } from "vitest";
import { MAX_FAILURES } from "../rules/retry";
import { apiFailure, expectDone, expectFailed, type Fault, MIB, makeWorld, OK, type World } from "../testing";

const LOST = { kind: "status", status: 404, code: "NoSuchUpload" } as const;
const LOST_ON_CEPH = { ...LOST, code: "NoSuchKey" } as const;

/** The store loses this many uploads of the file, each after two parts. */
function loseUploads(world: World, count: number, fault: Fault = LOST): void {
  const videos = new Map<number, number>();
  world.store.fault = () => {
    const video = world.api.countOf("create");
    const sent = videos.get(video) ?? 0;
    videos.set(video, sent + 1);
    return video <= count && sent >= 2 ? fault : OK;
  };
}

function createKeys(world: World) {
  return world.api.calls.filter((made) => made.call === "create").map((made) => made.args[1]);
}

describe("an upload that the store lost", () => {
  it.each([LOST, LOST_ON_CEPH])(
    "begins again by itself, with all parts, and without the old video (%o)",
    async (fault) => {
      const world = makeWorld({ size: 40 * MIB });
      loseUploads(world, 1, fault);
      world.start();
      await expectDone(world);
      expect(createKeys(world)).toEqual(["key-1", "key-2"]);
      expect([...world.api.videos.keys()]).toEqual(["video-2"]);
      const last = world.store.attempts.slice(-8).map((attempt) => attempt.part);
      expect(last.sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(world.states.map((state) => state.status)).not.toContain("failed");
      expect(world.telemetry).toHaveLength(1);
      expect(world.uploader.failureReport()).toContain("the storage lost the upload, a new one begins");
    },
  );

  it("shows the new upload's progress", async () => {
    const world = makeWorld({ size: 40 * MIB });
    loseUploads(world, 1);
    world.start();
    await expectDone(world);
    const seen = world.states.flatMap((state) =>
      state.status === "sending" ? [`${state.videoId} ${state.progress.percent}`] : [],
    );
    expect(seen.at(0)).toBe("video-1 0");
    expect(seen).toContain("video-2 0");
    expect(seen.at(-1)).toBe("video-2 99");
  });

  it("fails the second time, and a person may try again from the start", async () => {
    const world = makeWorld({ size: 40 * MIB });
    loseUploads(world, 2);
    world.start();
    expect(await expectFailed(world, "storage_refused")).toMatchObject({
      retryable: true,
      reason: { kind: "upload_lost" },
    });
    world.uploader.retry();
    await expectDone(world);
    expect(createKeys(world)).toEqual(["key-1", "key-2", "key-3"]);
    expect([...world.api.videos.keys()]).toEqual(["video-3"]);
  });

  it("begins again if the server found it missing at complete, and leaves the failed video", async () => {
    const world = makeWorld({ size: 40 * MIB });
    world.api.lost = 1;
    world.start();
    await expectDone(world);
    expect([...world.api.videos].map(([id, video]) => [id, video.status])).toEqual([
      ["video-1", "failed"],
      ["video-2", "processing"],
    ]);
  });

  it("is not called complete if the server found it missing twice", async () => {
    const world = makeWorld({ size: 40 * MIB });
    world.api.lost = 2;
    world.start();
    await expectFailed(world, "storage_refused");
    expect(world.uploader.getState()).toMatchObject({ mayBeComplete: false });
  });

  it("stays cancelled if the person cancels before the new one begins", async () => {
    const world = makeWorld({ size: 40 * MIB });
    loseUploads(world, 1);
    world.start();
    await world.clock.advance(600_000, () => world.api.countOf("remove") === 1);
    await world.uploader.abort();
    await world.clock.settle();
    expect(world.uploader.getState().status).toBe("aborted");
    expect(world.api.countOf("create")).toBe(1);
    expect(world.store.open).toBe(0);
  });

  it.each([
    ["another code", { kind: "status", status: 404, code: "NoSuchBucket" }],
    ["a proxy's page", { kind: "status", status: 404 }],
    ["another status", { kind: "status", status: 403, code: "AccessDenied" }],
  ] as const)("is not assumed for %s", async (_, fault) => {
    const world = makeWorld({ size: 40 * MIB });
    world.store.fault = () => fault;
    world.start();
    await expectFailed(world, "storage_refused");
    expect(world.api.countOf("create")).toBe(1);
  });

  it("is not assumed if a part is refused once", async () => {
    const world = makeWorld({ size: 40 * MIB });
    world.store.fault = (attempt) => (attempt.part === 3 && attempt.attempt === 1 ? LOST : OK);
    world.start();
    await expectDone(world);
    expect(world.api.countOf("create")).toBe(1);
  });

  it.each([
    ["503 for a minute", Array.from({ length: MAX_FAILURES }, () => apiFailure(503, "overloaded"))],
    ["401", [apiFailure(401, "not_authenticated")]],
  ])("begins again also when the removal of the old video is answered %s", async (_, failures) => {
    const world = makeWorld({ size: 40 * MIB });
    loseUploads(world, 1);
    world.api.failures.remove.push(...failures);
    world.start();
    expect(await world.finish()).toMatchObject({ status: "done" });
    expect(world.api.countOf("create")).toBe(2);
  });
});
