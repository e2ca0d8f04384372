import { describe, expect, it } from "vitest";
import { POLICY } from "../testing";
import { checkFile, createRequest } from "./check-file";

describe("checkFile", () => {
  it.each([
    ["a.mp4", 1],
    ["A.M4V", 5],
    ["Ünïcode – naïve.MOV", 5],
    [" spaced .webm ", 5],
    ["a.b.mkv", 2147483648],
    [`${"é".repeat(251)}.mp4`, 5],
  ])("takes %j of %i bytes", (name, size) => {
    expect(checkFile({ name, size }, POLICY)).toBeNull();
  });

  it.each([
    ["a.mp4", 0, "file_empty", /empty \(0 bytes\)/],
    ["a.mp4", 2147483649, "file_too_large", /2 GiB \(2,147,483,649 bytes\)\. Slipway accepts up to 2 GiB\./],
    [
      "a.mp4",
      3 * 1024 ** 3,
      "file_too_large",
      /is 3 GiB \(3,221,225,472 bytes\)\. Slipway accepts up to 2 GiB/,
    ],
    [
      "notes.txt",
      5,
      "unsupported_container",
      /It is a \.txt file\. Slipway accepts MP4 \(\.mp4, \.m4v\), .* and MKV/,
    ],
    ["video", 5, "unsupported_container", /no file extension/],
    [".mp4", 5, "unsupported_container", /no file extension/],
    ["a\u0000.mp4", 5, "filename_invalid", /control characters/],
    ["a\u2028.mp4", 5, "filename_invalid", /control characters/],
    ["a\ud800.mp4", 5, "filename_invalid", /control characters/],
    [`${"é".repeat(252)}.mp4`, 5, "filename_invalid", /256 characters\. Slipway accepts up to 255/],
    ["   ", 5, "unsupported_container", /no file extension/],
  ])("refuses %j of %i bytes as %s", (name, size, code, detail) => {
    const failure = checkFile({ name, size }, POLICY);
    expect(failure).toMatchObject({ code, retryable: false, openVideoIds: [] });
    expect(failure?.detail).toMatch(detail);
  });

  it("shows no direction marks and no endless name in its sentence", () => {
    const detail = checkFile({ name: `\u202efdp${"x".repeat(200)}.exe`, size: 5 }, POLICY)?.detail ?? "";
    expect(detail).not.toContain("\u202e");
    expect(detail.length).toBeLessThan(250);
    expect(detail).toContain("…");
  });
});

it.each([
  ["a.mp4", "video/mp4"],
  ["A.MOV", "video/quicktime"],
  ["a.m4v", "video/mp4"],
  ["a.mkv", "video/x-matroska"],
  ["a.avi", "video/x-msvideo"],
])("the content type of %s is the first of its extension", (name, contentType) => {
  expect(createRequest({ name, size: 5 }, POLICY).content_type).toBe(contentType);
});
