import { describe, expect, it } from "vitest";
import { ownPath, signInPath } from "./own-path";

describe("ownPath", () => {
  it.each([
    ["/", "/"],
    ["/video?id=1#t", "/video?id=1#t"],
    [null, "/"],
    ["", "/"],
    ["video", "/"],
    ["https://evil.example/", "/"],
    ["//evil.example", "/"],
    ["/\\evil.example", "/"],
    ["/\t/evil.example", "/"],
    ["/.//evil.example", "/"],
    ["javascript:alert(1)", "/"],
    ["/login?next=/login", "/"],
    ["/register", "/"],
  ])("reads %j as %j", (next, expected) => {
    expect(ownPath(next)).toBe(expected);
  });
});

it("names the page to come back to only when it is not the first page", () => {
  expect(signInPath("/")).toBe("/login");
  expect(signInPath("/video?id=7")).toBe("/login?next=%2Fvideo%3Fid%3D7");
});
