import { describe, expect, it } from "vitest";
import { ownPath, readWhy, signInPath } from "./own-path";

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

it("tells the sign-in page why a session has ended", () => {
  expect(signInPath("/", "ended")).toBe("/login?why=ended");
  expect(signInPath("/account", "ended")).toBe("/login?next=%2Faccount&why=ended");
  for (const why of ["ended", "deleted", null] as const)
    expect(readWhy(new URL(signInPath("/", why), "https://slipway.invalid").searchParams)).toBe(why);
  expect(readWhy(new URLSearchParams("why=anything"))).toBeNull();
});
