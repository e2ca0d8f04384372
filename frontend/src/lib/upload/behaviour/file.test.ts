import { describe, expect, it } from "vitest";
import { ALL_ENGLISH } from "@/text/all-english";
import { failureText } from "@/text/failure-text";
import type { PartHasher } from "../ports";
import {
  expectDone,
  expectFailed,
  FakeFile,
  type Fault,
  fakeMd5,
  faultOn,
  latin1,
  MIB,
  makeWorld,
  NO_LEAKS,
  OK,
  sliceOf,
  T0,
  untilSending,
  type World,
  waitingOf,
} from "../testing";

const RESET: Fault = { kind: "reset", at: 0.5 };

describe("the check before anything is sent", () => {
  it.each([
    [
      "notes.mp4",
      "just some words, and no video\n",
      "unsupported_container",
      "notes.mp4 is not a video that Slipway accepts. Its first bytes are text. Slipway accepts MP4 (.mp4, .m4v), MOV (.mov, .qt), AVI (.avi), WebM (.webm) and MKV (.mkv).",
    ],
    [
      "party.avi",
      "\0\0\0\x14ftypisom\0\0\x02\0isom",
      "content_type_mismatch",
      "party.avi is named .avi, but its content is MP4. Rename it so that it ends in .mp4, then choose it again.",
    ],
  ])("refuses %s", async (name, leading, code, detail) => {
    const world = makeWorld({ file: new FakeFile(6 * MIB, name, latin1(leading)) });
    world.start();
    const error = await expectFailed(world, code);
    expect(error && failureText(ALL_ENGLISH, error.reason, "send")).toBe(detail);
    expect(error?.retryable).toBe(false);
    expect(world.api.calls).toEqual([]);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it("completes a name without extension for the server and the page", async () => {
    const world = makeWorld({ file: new FakeFile(6 * MIB, "1000012345\u200e") });
    world.start();
    await expectDone(world);
    expect([...world.api.videos.values()].map(({ request }) => request)).toMatchObject([
      { filename: "1000012345.mp4", content_type: "video/mp4" },
    ]);
    const shown = world.states.map((state) => ("file" in state ? state.file.name : ""));
    expect(new Set(shown)).toEqual(new Set(["1000012345", "1000012345.mp4"]));
  });

  it("says when the file cannot be read", async () => {
    const world = makeWorld();
    world.file.readError = "NotReadableError";
    world.start();
    await expectFailed(world, "file_unreadable");
    expect(world.api.calls).toEqual([]);
  });

  it.each([35, 100])("waits for a disk that needs %i s to answer", async (seconds) => {
    const world = makeWorld();
    world.file.disk = new Promise((resolve) => world.clock.after(seconds * 1000, resolve));
    world.start();
    await expectDone(world);
  });

  it("can be tried again when the disk never answers", async () => {
    const world = makeWorld();
    world.file.disk = new Promise(() => undefined);
    world.start();
    expect(await expectFailed(world, "file_unreadable")).toMatchObject({ retryable: true });
    world.file.disk = Promise.resolve();
    world.uploader.retry();
    await expectDone(world);
  });
});

describe("a file that changes during the upload", () => {
  it("fails with that reason and leaves nothing in the store", async () => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 3);
    world.file.sizeOnDisk = MIB;
    world.store.fault = () => ({ kind: "reset", at: 0 });
    const error = await expectFailed(world, "file_changed");
    expect(error).toMatchObject({ retryable: false });
    await world.clock.advance(5000);
    expect(world.api.videos.size).toBe(0);
    expect(world.leaks()).toEqual(NO_LEAKS);
  });

  it.each([0, 10 * MIB])("is found although the browser reads what is left of it: %i bytes", async (left) => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 3);
    world.file.sizeOnDisk = left;
    world.hasher.mode = "unreadable";
    await expectFailed(world, "file_changed");
  });

  it("fails with that reason when a person tries again", async () => {
    const world = makeWorld();
    world.store.fault = () => ({ kind: "status", status: 400, code: "Odd" });
    world.start();
    await expectFailed(world, "storage_refused");
    world.file.sizeOnDisk = 0;
    world.uploader.retry();
    await expectFailed(world, "file_changed");
  });

  it("is called changed in WebKit, which doesn't find it and shows its new time", async () => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 3);
    world.file.lastModified += 60_000;
    world.file.readError = "NotFoundError";
    world.store.fault = () => RESET;
    await expectFailed(world, "file_changed");
  });

  it("is called unreadable in WebKit, where the time of a deleted file is now", async () => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 3);
    Object.defineProperty(world.file, "lastModified", { get: () => world.clock.now() });
    world.file.readError = "NotFoundError";
    world.store.fault = () => RESET;
    await expectFailed(world, "file_unreadable");
  });

  it.each(["NotFoundError", "AbortError"])("is called unreadable after %s", async (name) => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 3);
    world.hasher.mode = "unreadable";
    world.file.readError = name;
    const error = await expectFailed(world, "file_unreadable");
    expect(error && failureText(ALL_ENGLISH, error.reason, "send")).toBe(
      "holiday.mp4 can't be read. Its drive may be away, or a program moved, deleted or rewrote it. Put it back and try again, or choose it again.",
    );
  });

  it.each<[string, Fault]>([
    ["the request breaks", { kind: "reset", at: 0.5 }],
    ["the request stalls", { kind: "stall", at: 0.5 }],
    ["no answer comes", { kind: "mute" }],
  ])("is found when it got shorter and %s", async (_, fault) => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 3);
    // Firefox reads what is left of the file without an error.
    world.file.sizeOnDisk = 50 * MIB;
    world.store.fault = () => fault;
    await expectFailed(world, "file_changed", 120_000);
  });

  it("is found when it got shorter and no request fails", async () => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 3);
    world.file.sizeOnDisk = 99 * MIB;
    await expectFailed(world, "file_changed");
    expect(world.api.countOf("complete")).toBe(0);
  });

  it("is found by its first new MD5 when the store received other bytes", async () => {
    const world = makeWorld({ size: 200 * MIB });
    world.api.partSize = 20 * MIB;
    await untilSending(world, 1);
    world.file.version = 1;
    await expectFailed(world, "file_changed");
    expect(world.store.attempts.every(({ attempt }) => attempt === 1)).toBe(true);
  });

  it.each([1, 10])("is found when it was overwritten after %i of 20 parts", async (sent) => {
    const world = makeWorld({ size: 100 * MIB });
    world.store.lineBytesPerSecond = MIB;
    world.hasher.tookMs = 50;
    await untilSending(world, sent);
    // The parts that follow are hashed and sent with the new content, so the store has no reason to refuse one.
    world.store.checksMd5 = false;
    world.file.version = 1;
    await expectFailed(world, "file_changed");
    expect(world.api.countOf("complete")).toBe(0);
  });

  it("is found by the store when it was overwritten after the last MD5", async () => {
    const world = makeWorld({ size: 100 * MIB });
    world.store.lineBytesPerSecond = MIB;
    await untilSending(world, 10);
    expect(new Set(world.hasher.hashed).size).toBe(20);
    world.file.version = 1;
    await expectFailed(world, "file_changed");
    expect(world.api.countOf("complete")).toBe(0);
  });

  it("is found when the first part has no MD5", async () => {
    const world = makeWorld({ size: 100 * MIB });
    world.store.lineBytesPerSecond = MIB;
    const md5 = world.hasher.md5.bind(world.hasher);
    world.hasher.md5 = async (slice, signal) =>
      sliceOf(slice).start === 0 ? { kind: "late" } : md5(slice, signal);
    await untilSending(world, 10);
    world.store.checksMd5 = false;
    world.file.version = 1;
    await expectFailed(world, "file_changed");
    expect(world.api.countOf("complete")).toBe(0);
  });

  it.each([1, 3])("is found when it was overwritten after the page was frozen %i times", async (times) => {
    const world = makeWorld({ size: 200 * MIB });
    world.store.lineBytesPerSecond = 4 * MIB;
    world.hasher.tookMs = 300;
    world.start();
    await world.clock.advance(600_000, () => world.store.parts.size >= 8 && world.hasher.running > 0);
    for (let time = 0; time < times; time += 1) {
      world.clock.freeze(90_000);
      await world.clock.advance(10);
    }
    await world.clock.advance(15_000);
    world.file.version = 1;
    await expectFailed(world, "file_changed");
  });

  it("is hashed again in full when the link is slow", async () => {
    const world = makeWorld({ size: 100 * MIB });
    world.store.lineBytesPerSecond = MIB;
    world.hasher.tookMs = 50;
    world.start();
    await expectDone(world);
    expect(world.hasher.hashed.filter((start) => start === 95 * MIB)).toHaveLength(2);
  });

  it("is hashed again for at most a twentieth of the sending time", async () => {
    const world = makeWorld({ size: 100 * MIB });
    world.hasher.tookMs = 100;
    world.start();
    await expectDone(world);
    const again = world.hasher.hashed.length - 20;
    expect(again).toBeGreaterThan(0);
    expect(again).toBeLessThan(10);
  });
});

describe("a file on a drive that is away", () => {
  // What Chromium, Firefox and WebKit call it. Where requests hang, the browser does not notice that the body is gone.
  const NAMES = ["NotReadableError", "NotFoundError", "AbortError"];
  const FAULTS: Fault[] = [RESET, { kind: "stall", at: 0.5 }];
  const MOMENTS = ["at the start", "in the middle", "in the middle, with bodies read first", "at the end"];
  const variants = NAMES.flatMap((name) =>
    MOMENTS.flatMap((moment) => FAULTS.map((fault) => [name, moment, fault.kind, fault] as const)),
  );

  async function makeAway(name: string, moment: string, fault: Fault) {
    const world = makeWorld({ size: 100 * MIB });
    let isAway = false;
    const md5 = world.hasher.md5.bind(world.hasher);
    world.hasher.md5 = async (slice, signal, keepsBytes) =>
      isAway ? { kind: "unreadable" } : md5(slice, signal, keepsBytes);
    world.bodyMode.readsBodies = moment.includes("first");
    world.store.fault = () => (isAway ? fault : OK);
    const setAway = (away: boolean) => {
      isAway = away;
      world.file.readError = away ? name : null;
    };
    if (moment === "at the start") setAway(true);
    world.start();
    if (moment === "in the middle") await world.clock.advance(60_000, () => world.store.parts.size >= 7);
    else if (moment === "at the end") {
      world.store.answerMs = 3000;
      await world.clock.advance(60_000, () => world.store.attempts.length >= 20);
      await world.clock.advance(2000);
    }
    setAway(true);
    return { world, setAway };
  }

  it.each(variants)("for some seconds is read again: %s %s, %s", async (name, moment, _, fault) => {
    const { world, setAway } = await makeAway(name, moment, fault);
    await world.clock.advance(8000);
    setAway(false);
    await expectDone(world);
    expect(world.states.some(({ status }) => status === "failed")).toBe(false);
    expect(world.store.attempts.every(({ contentMd5 }) => contentMd5 !== null)).toBe(true);
  });

  it.each(variants)("for longer can be tried again: %s %s, %s", async (name, moment, _, fault) => {
    const { world, setAway } = await makeAway(name, moment, fault);
    if (moment === "at the end" && name !== "NotReadableError") {
      // Everything is sent. A file that is gone then was not changed.
      await expectDone(world);
      return;
    }
    const error = await expectFailed(world, "file_unreadable", 60_000);
    expect(error).toMatchObject({ retryable: true });
    expect(error && failureText(ALL_ENGLISH, error.reason, "send")).not.toContain("changed");
    const sent = [...world.store.parts.keys()];
    const before = world.store.attempts.length;
    setAway(false);
    world.uploader.retry();
    await expectDone(world);
    const again = world.store.attempts.slice(before).map(({ part }) => part);
    expect(again.filter((part) => sent.includes(part))).toEqual([]);
    expect(world.api.videos.size).toBe(1);
  });

  it("is said while the upload waits for it", async () => {
    const { world } = await makeAway("NotReadableError", "in the middle", RESET);
    await world.clock.advance(5000);
    expect(waitingOf(world)).toEqual({ reason: "file" });
    world.uploader.abort();
  });

  it("is no reason to call the storage out of reach while the disk is silent", async () => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 3);
    let answer: () => void = () => undefined;
    world.file.disk = new Promise((resolve) => {
      answer = resolve;
    });
    let isSilent = true;
    world.store.fault = () => (isSilent ? { kind: "stall", at: 0.5 } : OK);
    await world.clock.advance(3_000_000);
    expect(world.uploader.getState().status).toBe("sending");
    isSilent = false;
    answer();
    await expectDone(world);
  });

  it("keeps the upload when the disk does not answer", async () => {
    const world = makeWorld({ size: 100 * MIB });
    await untilSending(world, 3);
    world.file.disk = new Promise(() => undefined);
    world.store.fault = (attempt) => (attempt.part === 8 && attempt.attempt === 1 ? RESET : OK);
    await expectDone(world);
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
    await expectFailed(world, "file_unreadable");
    expect(world.store.attempts.filter((attempt) => attempt.part === 4)).toEqual([]);
  });

  it.each(["unavailable", "silent", "throws", "unreadable", "late"] as const)(
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
      await new Promise<void>((resolve) => {
        const cancel = world.clock.after(doneAt - now, resolve);
        signal.addEventListener("abort", cancel, { once: true });
      });
      return md5(slice, signal);
    };
    world.start();
    await expectDone(world);
    expect(world.store.attempts.filter((attempt) => attempt.contentMd5 === null)).toEqual([]);
  });

  it("that never ends holds its part for a minute, while the others go on", async () => {
    const world = makeWorld({ size: 2000 * MIB });
    world.store.lineBytesPerSecond = 2 * MIB;
    const md5 = world.hasher.md5.bind(world.hasher);
    world.hasher.md5 = (slice, signal, keepsBytes) =>
      sliceOf(slice).start === 5 * MIB ? new Promise(() => undefined) : md5(slice, signal, keepsBytes);
    world.start();
    await expectDone(world);
    const second = world.store.attempts.find(({ part }) => part === 2);
    expect(second?.at).toBeLessThan(70_000);
    expect(second?.contentMd5).toBeNull();
  });

  it("that is late for one part leaves the others theirs", async () => {
    const world = makeWorld({ size: 40 * MIB });
    const md5 = world.hasher.md5.bind(world.hasher);
    world.hasher.md5 = (slice, signal) => {
      world.hasher.mode = sliceOf(slice).start === world.api.partSize ? "late" : "works";
      return md5(slice, signal);
    };
    world.start();
    await expectDone(world);
    const without = world.store.attempts.filter((attempt) => attempt.contentMd5 === null);
    expect(without.map((attempt) => attempt.part)).toEqual([2]);
  });

  it.each(["unavailable", "silent"] as const)("that is %s is told in the report", async (mode) => {
    const world = makeWorld();
    world.hasher.mode = mode;
    world.start();
    await expectDone(world);
    expect(world.uploader.failureReport()).toContain("in 4 parts, 4 without MD5");
    expect(world.telemetry.map((told) => told.parts_without_md5)).toEqual([4]);
    const proven = makeWorld();
    proven.start();
    await expectDone(proven);
    expect(proven.uploader.failureReport()).toContain("in 4 parts, 0 without MD5");
    expect(proven.telemetry.map((told) => told.parts_without_md5)).toEqual([0]);
  });

  it("lets workers go that were started for nothing", () => {
    const world = makeWorld();
    world.uploader.warmUp();
    world.uploader.dispose();
    expect(world.hasher.releases).toBe(1);
  });

  it("is not waited for again once it has not answered for a minute", async () => {
    const world = makeWorld({ size: 200 * MIB });
    world.hasher.mode = "silent";
    world.start();
    await expectDone(world);
    expect(world.clock.now() - T0).toBeLessThan(75_000);
  });
});

describe("the check of the file after its last part was read", () => {
  /** Answers for each slice that was hashed before. The first part is also hashed before its size is known. */
  function answerSecondHash(world: World, answer: PartHasher["md5"]) {
    const hashed = new Set<string>();
    const md5 = world.hasher.md5.bind(world.hasher);
    world.hasher.md5 = (slice, signal, keepsBytes) => {
      const { start, end } = sliceOf(slice);
      const key = `${start}-${end}`;
      if (hashed.has(key)) return answer(slice, signal, keepsBytes);
      hashed.add(key);
      return md5(slice, signal, keepsBytes);
    };
  }

  /** Each hash takes 50 ms. After `change`, the second half of the file has other bytes. */
  function overwritable(world: World) {
    let isChanged = false;
    world.store.checksMd5 = false;
    world.hasher.md5 = async (slice) => {
      const { start, end } = sliceOf(slice);
      await new Promise<void>((resolve) => world.clock.after(50, resolve));
      return { kind: "md5", hex: fakeMd5(start, end, isChanged && start >= 50 * MIB ? 1 : 0) };
    };
    return () => {
      isChanged = true;
    };
  }

  it("still finds a change after one hash worker crashed", async () => {
    const world = makeWorld({ size: 100 * MIB });
    world.store.lineBytesPerSecond = MIB;
    const md5 = world.hasher.md5.bind(world.hasher);
    // The jobs of three parts end with it.
    const lost = new Set([50, 55, 60].map((mib) => mib * MIB));
    let crash: () => void = () => undefined;
    const crashed = new Promise<void>((resolve) => {
      crash = resolve;
    });
    world.hasher.md5 = async (slice, signal, keepsBytes) => {
      if (!lost.delete(sliceOf(slice).start)) return md5(slice, signal, keepsBytes);
      if (lost.size === 0) crash();
      await crashed;
      return { kind: "unavailable" };
    };
    await untilSending(world, 12);
    world.file.version = 1;
    await expectFailed(world, "file_changed");
    expect(lost.size).toBe(0);
  });

  it.each([1, 3])("still finds a change when the page was frozen %i times meanwhile", async (times) => {
    const world = makeWorld({ size: 100 * MIB });
    world.store.lineBytesPerSecond = MIB;
    world.hasher.tookMs = 500;
    let isChanged = false;
    // A program rewrites the start, which is sent, and the end, which is not read yet.
    const slice = world.file.slice.bind(world.file);
    world.file.slice = (start = 0, end) =>
      Object.defineProperty(slice(start, end), "version", {
        get: () => (isChanged && (start === 0 || start >= 90 * MIB) ? 1 : 0),
      });
    await untilSending(world, 3);
    expect(Math.max(...world.hasher.hashed)).toBeLessThan(90 * MIB);
    isChanged = true;
    await world.clock.advance(600_000, () => world.hasher.hashed.filter((at) => at === 5 * MIB).length > 1);
    for (let time = 0; time < times; time += 1) {
      world.clock.freeze(30_000);
      await world.clock.advance(10);
    }
    await expectFailed(world, "file_changed");
  });

  it("is told in the report if it could not be made", async () => {
    const world = makeWorld({ size: 100 * MIB });
    answerSecondHash(world, async () => ({ kind: "unavailable" }));
    world.start();
    await expectDone(world);
    expect(world.uploader.failureReport()).toContain("the file was not hashed again");
  });

  it("counts the sending time of earlier runs", async () => {
    const world = makeWorld({ size: 100 * MIB, uploader: { maxConcurrency: 1 } });
    world.store.lineBytesPerSecond = MIB;
    const change = overwritable(world);
    let isRefused = true;
    world.store.fault = ({ part }) =>
      part === 20 && isRefused ? { kind: "status", status: 400, code: "Odd", at: 0 } : OK;
    world.start();
    await expectFailed(world, "storage_refused");
    isRefused = false;
    change();
    world.uploader.retry();
    await expectFailed(world, "file_changed");
  });

  it("keeps the four lanes of the hash worker busy", async () => {
    const world = makeWorld({ size: 100 * MIB });
    let running = 0;
    let most = 0;
    const first = new Set<number>();
    world.hasher.md5 = async (slice) => {
      const { start, end } = sliceOf(slice);
      running += 1;
      if (first.size === 20) most = Math.max(most, running);
      first.add(start);
      await new Promise<void>((resolve) => world.clock.after(10, resolve));
      running -= 1;
      return { kind: "md5", hex: fakeMd5(start, end) };
    };
    world.start();
    await expectDone(world);
    expect(most).toBe(4);
  });

  it("leaves a file alone that is away while the last bodies are on their way", async () => {
    const world = makeWorld({ size: 100 * MIB });
    answerSecondHash(world, async () => ({ kind: "unreadable" }));
    world.start();
    await expectDone(world);
  });

  describe("if the file was overwritten, and was away when its last part was sent", () => {
    async function makeAwayAtTheEnd() {
      const world = makeWorld({ size: 100 * MIB });
      world.store.lineBytesPerSecond = MIB;
      world.hasher.tookMs = 50;
      const md5 = world.hasher.md5.bind(world.hasher);
      world.hasher.md5 = async (slice, signal, keepsBytes) =>
        world.file.readError === null ? md5(slice, signal, keepsBytes) : { kind: "unreadable" };
      await untilSending(world, 10);
      world.store.checksMd5 = false;
      world.file.version = 1;
      await world.clock.advance(60_000, () => new Set(world.hasher.hashed).size === 20);
      world.file.readError = "NotReadableError";
      return world;
    }

    it("is made when it is there again", async () => {
      const world = await makeAwayAtTheEnd();
      await world.clock.advance(600_000, () => world.store.parts.size === 20);
      await world.clock.advance(3000);
      world.file.readError = null;
      await expectFailed(world, "file_changed");
      expect(world.api.countOf("complete")).toBe(0);
    });

    it("is made when the user tries again", async () => {
      const world = await makeAwayAtTheEnd();
      await expectFailed(world, "file_unreadable");
      expect(world.store.parts.size).toBe(20);
      world.file.readError = null;
      world.uploader.retry();
      await expectFailed(world, "file_changed");
      expect(world.api.countOf("complete")).toBe(0);
    });
  });

  it("keeps no part from its only connection", async () => {
    const world = makeWorld({ size: 100 * MIB, uploader: { maxConcurrency: 2 } });
    world.store.lineBytesPerSecond = MIB;
    answerSecondHash(world, () => new Promise(() => undefined));
    // The store is busy, so the last part is sent again alone.
    world.store.fault = faultOn(20, { kind: "status", status: 503 });
    world.start();
    await expectDone(world);
    const [first, again] = world.store.attempts.filter(({ part }) => part === 20);
    expect((again?.at ?? Infinity) - (first?.at ?? 0)).toBeLessThan(12_000);
  });

  it("hashes each part anew after bodies were read", async () => {
    const world = makeWorld({ size: 100 * MIB });
    world.store.lineBytesPerSecond = MIB;
    world.hasher.tookMs = 50;
    await untilSending(world, 1);
    world.bodyMode.readsBodies = true;
    await expectDone(world);
    const { hashed } = world.hasher;
    expect(new Set(hashed.filter((start, index) => hashed.indexOf(start) < index)).size).toBe(20);
  });

  it.each(["hash", "read"])("does not wait for a %s that hangs", async (kind) => {
    const world = makeWorld({ size: 100 * MIB });
    const read = world.file.read.bind(world.file);
    const never = () => new Promise<never>(() => undefined);
    if (kind === "hash") answerSecondHash(world, never);
    world.file.read = (start, end) =>
      kind === "read" && world.store.parts.size === 20 ? never() : read(start, end);
    await untilSending(world, 20);
    const sentAt = world.clock.now();
    await expectDone(world);
    expect(world.clock.now() - sentAt).toBeLessThan(10_000);
  });
});

it.each(["the clock is set", "the user signs in"])("a read goes on when %s", async (event) => {
  const world = makeWorld();
  const read = world.file.read.bind(world.file);
  world.file.read = async (start, end) => {
    if (start === 0) await new Promise<void>((resolve) => world.clock.after(9000, resolve));
    return read(start, end);
  };
  world.start();
  for (let times = 0; times < 3; times += 1) {
    await world.clock.advance(1500);
    if (event === "the clock is set") world.clock.set(600_000);
    else world.uploader.signedIn();
  }
  await expectDone(world);
});
