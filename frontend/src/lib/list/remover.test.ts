import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeVideo } from "@/lib/upload/testing";
import { api, type Video } from "../api/client";
import { ApiError } from "../api/errors";
import { Remover } from "./remover";

const [A, B] = ["a", "b"].map(video) as [Video, Video];
const AWAY = new ApiError(0, "network");
const SIGNED_OUT = new ApiError(401, "not_authenticated");
const SECONDS = 10;

function video(id: string): Video {
  return makeVideo(id, { filename: `${id}.mp4`, size_bytes: 5, content_type: "video/mp4" }, "ready");
}

const server = { removeVideos: vi.fn(api.removeVideos), restoreVideos: vi.fn(api.restoreVideos) };
const onAsked = vi.fn();
const onEnd = vi.fn();
let remover: Remover;

beforeEach(() => {
  vi.useFakeTimers();
  vi.resetAllMocks();
  server.removeVideos.mockResolvedValue(SECONDS);
  remover = new Remover({ server, onAsked, onEnd });
  remover.follow("ada");
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const shown = () => remover.getState().removal;
const hidden = () => [...remover.getState().removed];

it("hides the videos at once, and can bring them back until the time is over", async () => {
  const removing = remover.remove([A, B]);
  expect(hidden()).toEqual(["a", "b"]);
  expect(shown()).toMatchObject({ status: "removing" });
  expect(await removing).toBe(true);
  expect(shown()).toMatchObject({ status: "removed", error: null });
  vi.advanceTimersByTime(SECONDS * 1000 - 1);
  expect(onEnd).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(shown()).toBeNull();
  expect(hidden()).toEqual(["a", "b"]);
  expect(onEnd).toHaveBeenCalledOnce();
});

it("shows the videos again that couldn't be removed", async () => {
  server.removeVideos.mockRejectedValue(AWAY);
  expect(await remover.remove([A])).toBe(false);
  expect(hidden()).toEqual([]);
  expect(shown()).toMatchObject({ status: "failed", why: AWAY });
  remover.close();
  expect(shown()).toBeNull();
});

it("brings all back", async () => {
  await remover.remove([A, B]);
  server.restoreVideos.mockResolvedValue([A, B]);
  expect(await remover.undo()).toBe(true);
  expect(hidden()).toEqual([]);
  expect(shown()).toBeNull();
});

it.each([
  ["all", [], ["a", "b"]],
  ["some", [B], ["a"]],
])("tells that it was too late for %s of them", async (why, restored, gone) => {
  await remover.remove([A, B]);
  server.restoreVideos.mockResolvedValue(restored);
  expect(await remover.undo()).toBe(false);
  expect(shown()).toMatchObject({ status: "failed", why });
  expect(hidden()).toEqual(gone);
});

describe("an undo that fails", () => {
  beforeEach(async () => {
    await remover.remove([A]);
    server.restoreVideos.mockRejectedValueOnce(AWAY);
    vi.advanceTimersByTime(4000);
    expect(await remover.undo()).toBe(false);
  });

  it("can be tried again", async () => {
    expect(shown()).toMatchObject({ status: "removed", error: AWAY });
    server.restoreVideos.mockResolvedValue([A]);
    expect(await remover.undo()).toBe(true);
    expect(shown()).toBeNull();
  });

  it("leaves it to the list which videos are there, because its answer may be lost", () => {
    expect(hidden()).toEqual([]);
    expect(onAsked).toHaveBeenLastCalledWith([A], AWAY);
  });

  it("ends with the time, and says so", () => {
    vi.advanceTimersByTime(5999);
    expect(shown()).toMatchObject({ status: "removed" });
    vi.advanceTimersByTime(1);
    expect(shown()).toMatchObject({ status: "failed", why: "time_over" });
  });
});

const many = Array.from({ length: 150 }, (_, index) => video(`v${index}`));

describe("a removal of which one of several groups fails", () => {
  const PARTLY = { kept: 50, why: AWAY };

  async function removePartly(why = AWAY) {
    server.removeVideos.mockResolvedValueOnce(SECONDS);
    server.removeVideos.mockImplementationOnce(async () => {
      vi.advanceTimersByTime(4000);
      throw why;
    });
    return remover.remove(many);
  }

  it("can be taken back, also for the group whose answer may be lost", async () => {
    expect(await removePartly()).toBe(false);
    expect(shown()).toMatchObject({ status: "removed", error: PARTLY });
    server.restoreVideos.mockResolvedValue(many);
    expect(await remover.undo()).toBe(true);
    expect(server.restoreVideos).toHaveBeenCalledExactlyOnceWith(many.map(({ id }) => id));
    expect(hidden()).toEqual([]);
  });

  it("hides what was removed, and shows what was not", async () => {
    await removePartly();
    expect(hidden()).toEqual(many.slice(0, 100).map(({ id }) => id));
    expect(onAsked.mock.calls).toEqual([
      [many.slice(100), AWAY],
      [many.slice(0, 100), null],
    ]);
  });

  it("still says so when the time of the first group is over", async () => {
    await removePartly();
    vi.advanceTimersByTime(5999);
    expect(shown()).toMatchObject({ status: "removed" });
    vi.advanceTimersByTime(1);
    expect(shown()).toMatchObject({ status: "failed", why: PARTLY });
  });

  it("leaves it to the sign-in to tell why, if the session has ended", async () => {
    await removePartly(SIGNED_OUT);
    remover.follow(null);
    expect(shown()).toMatchObject({ status: "removed", error: { kept: 50, why: null } });
  });
});

it("restores the rest after one of several groups failed", async () => {
  const refused = { code: "too_many_uploads", detail: "-", request_id: "-" };
  const answers = [
    Response.json({ items: many.slice(0, 100) }),
    Response.json(refused, { status: 409 }),
    Response.json({ items: many.slice(0, 100) }),
    Response.json({ items: many.slice(100) }),
  ];
  const asked = vi.fn(async (..._request: unknown[]) => answers.shift());
  vi.stubGlobal("fetch", asked);
  server.restoreVideos.mockImplementation(api.restoreVideos);
  await remover.remove(many);

  await remover.undo();
  expect(shown()).toMatchObject({ status: "removed", error: { code: "too_many_uploads" } });
  expect(hidden()).toEqual([]);

  expect(await remover.undo()).toBe(true);
  expect(asked).toHaveBeenCalledTimes(4);
});

it("keeps the notice of a later removal", async () => {
  await remover.remove([A]);
  let restored = (_: Video[]) => {};
  server.restoreVideos.mockReturnValue(new Promise((resolve) => (restored = resolve)));
  const undone = remover.undo();
  await remover.remove([B]);
  restored([A]);
  expect(await undone).toBe(false);
  expect(shown()).toMatchObject({ status: "removed", videos: [B] });
  expect(hidden()).toEqual(["b"]);
});

describe("when the session ends", () => {
  it("what has failed is forgotten", async () => {
    server.removeVideos.mockRejectedValueOnce(AWAY);
    await remover.remove([A]);
    remover.follow(null);
    expect(shown()).toBeNull();
  });

  it("hidden videos are forgotten once they can't be brought back", async () => {
    await remover.remove([A]);
    remover.follow(null);
    expect(hidden()).toEqual(["a"]);
    vi.advanceTimersByTime(SECONDS * 1000);
    remover.follow(null);
    expect(hidden()).toEqual([]);
  });

  it("its user can sign in again and bring them back", async () => {
    await remover.remove([A]);
    server.restoreVideos.mockRejectedValueOnce(SIGNED_OUT);
    await remover.undo();
    remover.follow(null);
    remover.follow("ada");
    expect(shown()).toMatchObject({ status: "removed", error: null });
    server.restoreVideos.mockResolvedValue([A]);
    expect(await remover.undo()).toBe(true);
  });

  it("another user sees nothing of it", async () => {
    await remover.remove([A]);
    remover.follow(null);
    remover.follow("bob");
    expect(shown()).toBeNull();
    expect(hidden()).toEqual([]);
    vi.advanceTimersByTime(SECONDS * 1000);
    expect(onEnd).not.toHaveBeenCalled();
  });

  it("another user hears nothing of a removal that was under way", async () => {
    const removing = remover.remove([A]);
    remover.follow("bob");
    expect(await removing).toBe(false);
    expect(shown()).toBeNull();
  });

  it("the notice leaves it to the sign-in to tell that", async () => {
    server.removeVideos.mockRejectedValue(SIGNED_OUT);
    await remover.remove([A]);
    expect(shown()).toBeNull();
    expect(onAsked).toHaveBeenCalledWith([A], SIGNED_OUT);
  });
});
