import { describe, expect, it } from "vitest";
import { makeVideo } from "@/lib/upload/testing";
import { type ListPages, listedVideos, withFreshStart } from "./pages";

type Page = ListPages["pages"][number];

/** Return a page of videos whose IDs are these letters. */
function page(ids: string, next: string | null): Page {
  const file = { filename: "a.mp4", size_bytes: 1, content_type: "video/mp4" };
  const items = [...ids].map((id) => makeVideo(id, file, "ready"));
  return { items, next_cursor: next, as_of: "", count: null, count_is_exact: null };
}

function loaded(...ids: string[]): ListPages {
  const pages = ids.map((some, index) => page(some, `after ${index}`));
  return { pages, pageParams: ids.map((_, index) => (index === 0 ? null : `after ${index - 1}`)) };
}

function shown(list: ListPages): string {
  return listedVideos(list)
    .map(({ id }) => id)
    .join("");
}

describe("a fresh first page", () => {
  it.each([
    ["nothing changed", "abc", "abcdefg"],
    ["a video is new", "xab", "xabcdefg"],
    ["a page of videos is new but for one", "xya", "xyabcdefg"],
    ["a video is gone", "bcd", "bcdefg"],
    ["the first page is gone", "def", "defg"],
    ["a later video moved to the start", "fab", "fabcdeg"],
  ])("if %s", (_, fresh, expected) => {
    const merged = withFreshStart(loaded("abc", "def", "g"), page(fresh, "next"));
    expect(shown(merged)).toBe(expected);
    expect(merged.pages.at(-1)?.next_cursor).toBe("after 2");
  });

  it("stands alone if it does not meet the loaded videos", () => {
    expect(withFreshStart(loaded("abc", "def"), page("xyz", "next"))).toEqual({
      pages: [page("xyz", "next")],
      pageParams: [null],
    });
  });

  it("stands alone if it is the whole list", () => {
    expect(shown(withFreshStart(loaded("abc", "def"), page("ab", null)))).toBe("ab");
  });

  it("takes the place of the only page", () => {
    const merged = withFreshStart(loaded("abc"), page("xab", "next"));
    expect([shown(merged), merged.pages.at(-1)?.next_cursor]).toEqual(["xab", "next"]);
  });

  it("has the count of the whole list", () => {
    const fresh = { ...page("abc", "next"), count: 7, count_is_exact: true };
    expect(withFreshStart(loaded("abc", "d"), fresh).pages[0]).toMatchObject({
      count: 7,
      count_is_exact: true,
    });
  });
});

it("lists a video once that is on two pages", () => {
  expect(shown(loaded("abc", "cd"))).toBe("abcd");
});
