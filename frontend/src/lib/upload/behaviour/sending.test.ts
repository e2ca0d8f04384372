import { describe, expect, it } from "vitest";
import { expectDone, FakeFile, fakeMd5, faultOn, MIB, makeWorld, OK, T0 } from "../testing";

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

  it("fetches further URLs ahead, so that no part waits for one", async () => {
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

  it("hashes at most four parts ahead of what is being sent", async () => {
    const world = makeWorld({ size: 200 * MIB, uploader: { maxConcurrency: 2 } });
    world.api.partSize = 16 * MIB;
    let furthest = 0;
    world.store.fault = () => {
      // The second part starts in the same instant as the first.
      const sending = Math.max(2, world.store.attempts.length);
      furthest = Math.max(furthest, world.hasher.hashed.length - sending);
      return OK;
    };
    world.start();
    await expectDone(world);
    expect(furthest).toBeLessThanOrEqual(4);
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
