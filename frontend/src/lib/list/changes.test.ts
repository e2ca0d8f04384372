import { describe, expect, it } from "vitest";
import { makeVideo } from "@/lib/upload/testing";
import { textsOf, withChanges, withTime } from "./changes";
import { type ListPages, listedVideos } from "./pages";
import { ALL_VIDEOS, type ListView } from "./view";

type Video = ListPages["pages"][number]["items"][number];

/** The letters of the alphabet, the last one newest. */
function video(id: string, changed: Partial<Video> = {}): Video {
  const file = { filename: "a.mp4", size_bytes: 1, content_type: "video/mp4" };
  const created_at = new Date(Date.UTC(2026, 0, id.charCodeAt(0))).toISOString();
  return { ...makeVideo(id, file, "ready"), created_at, ...changed };
}

function loaded(pages: string[], next: string | null): ListPages {
  return {
    pages: pages.map((ids, index) => ({
      items: [...ids].map((id) => video(id)),
      next_cursor: index === pages.length - 1 ? next : `after ${index}`,
      count: index === 0 ? 9 : null,
      count_is_exact: index === 0 ? true : null,
      as_of: "earlier",
    })),
    pageParams: pages.map((_, index) => (index === 0 ? null : `after ${index - 1}`)),
  };
}

function told(items: Video[], gone: string[] = []) {
  return { items, gone, as_of: "later", is_complete: true };
}

function apply(
  list: ListPages,
  changes: ReturnType<typeof told>,
  view: ListView = ALL_VIDEOS,
  before = told([]),
) {
  const { list: after, needsStart } = withChanges(list, changes, view, textsOf(before));
  const ids = listedVideos(after).map(({ id }) => id);
  return { ids: ids.join(""), count: after.pages[0]?.count, needsStart, list: after };
}

const LIST = loaded(["vts", "rqp"], "more");

describe("the changes of the newest videos", () => {
  it.each([
    ["of a loaded video stay in its place", told([video("q", { status: "failed" })]), "vtsrqp", 9],
    ["of a new video put it first", told([video("x")]), "xvtsrqp", 10],
    ["of a restored video put it back", told([video("u")]), "vutsrqp", 10],
    ["of a video beyond the loaded ones are not shown", told([video("c")]), "vtsrqp", 9],
    ["of a video that is gone remove it", told([], ["s", "p"]), "vtrq", 7],
    ["of several come together", told([video("x"), video("w")], ["v"]), "xwtsrqp", 10],
  ])("%s", (_, changes, ids, count) => {
    expect(apply(LIST, changes)).toMatchObject({ ids, count, needsStart: false });
  });

  it("show what changed on any page", () => {
    const { list } = apply(LIST, told([video("p", { status: "processing" })]));
    expect(list.pages[1]?.items.map(({ status }) => status)).toEqual(["ready", "ready", "processing"]);
  });

  it("put the oldest video last if all are loaded", () => {
    expect(apply(loaded(["vt"], null), told([video("c")])).ids).toBe("vtc");
    expect(apply(loaded([""], null), told([video("c")])).ids).toBe("c");
  });

  it("need the first page for the count if a video went that is not loaded", () => {
    expect(apply(LIST, told([], ["a"])).needsStart).toBe(true);
  });

  it("that were told before are nothing new", () => {
    const changes = told([video("c"), video("x")], ["a"]);
    expect(apply(LIST, changes, ALL_VIDEOS, changes)).toMatchObject({ ids: "vtsrqp", needsStart: false });
  });
});

describe("the changes of another view", () => {
  const view: ListView = { ...ALL_VIDEOS, sort: "longest" };

  it.each([
    ["a new video", told([video("x")]), true],
    ["another length", told([video("q", { duration_seconds: 7 })]), true],
    ["another state", told([video("q", { status: "failed" })]), true],
    ["another link", told([video("q", { delivery_url: "https://store.invalid/" })]), false],
    ["a video that is gone", told([], ["q"]), false],
  ])("need the first page for %s: %s", (_, changes, needsStart) => {
    expect(apply(LIST, changes, view).needsStart).toBe(needsStart);
    expect(apply(LIST, changes, { ...ALL_VIDEOS, search: "a" }).needsStart).toBe(needsStart);
  });
});

it("notes until when the list is up to date", () => {
  expect(withTime(LIST, "later").pages.map(({ as_of }) => as_of)).toEqual(["later", "earlier"]);
});
