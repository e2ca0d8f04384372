import { describe, expect, it } from "vitest";
import { ALL_VIDEOS, isNarrowed, type ListView, readView, viewParameters, viewPath } from "./view";

const NARROW: ListView = { search: "a & b=ü", filter: "failed", sort: "name_desc" };

function read(query: string): ListView {
  return readView(new URLSearchParams(query));
}

describe("the view in the address", () => {
  it("is read back as it was written", () => {
    expect(read(new URL(viewPath(NARROW), "https://host").search)).toEqual(NARROW);
  });

  it("leaves out what is at its default", () => {
    expect(viewPath(ALL_VIDEOS)).toBe("/");
    expect(viewPath({ ...ALL_VIDEOS, sort: "name" })).toBe("/?sort=name");
  });

  it.each(["", "?sort=best", "?status=uploading", "?status=constructor", "?q=%20%20"])(
    "%j shows all videos",
    (query) => {
      expect(read(query)).toEqual(ALL_VIDEOS);
    },
  );

  it("has a space where the API refuses a character, such as the tab of a copied table", () => {
    expect(read("?q=%09holiday%09%09beach%00%E2%80%A8").search).toBe("holiday beach");
  });

  it("has no longer search than the API takes", () => {
    expect([...read(`?q=${"🎬".repeat(300)}`).search]).toHaveLength(255);
  });
});

describe("the parameters of the API", () => {
  it("name the states of the filter", () => {
    expect(viewParameters(NARROW)).toEqual({
      q: "a & b=ü",
      status: ["failed", "expired"],
      sort: "name_desc",
    });
  });

  it("leave out what is not narrowed", () => {
    expect(viewParameters(ALL_VIDEOS)).toEqual({ sort: "newest" });
  });
});

it("is narrowed by a search or a filter, not by an order", () => {
  expect(isNarrowed({ ...ALL_VIDEOS, sort: "name" })).toBe(false);
  expect(isNarrowed({ ...ALL_VIDEOS, search: "a" })).toBe(true);
  expect(isNarrowed({ ...ALL_VIDEOS, filter: "ready" })).toBe(true);
});
