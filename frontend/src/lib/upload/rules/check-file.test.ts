import { describe, expect, it } from "vitest";
import { ALL_ENGLISH } from "@/text/all-english";
import { failureText } from "@/text/failure-text";
import { latin1, MP4_START, POLICY } from "../testing";
import { checkContent, checkFile, cleanName, completeName, createRequest } from "./check-file";

describe("checkFile", () => {
  it.each([
    ["a.mp4", 1],
    ["A.M4V", 5],
    ["Ünïcode – naïve.MOV", 5],
    [" spaced .webm ", 5],
    ["a.b.mkv", 2147483648],
    [`${"é".repeat(251)}.mp4`, 5],
    ["1000012345", 5],
    ["   ", 5],
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
    ["film.mp4.download", 5, "unsupported_container", /It is a \.download file/],
    ["film.mp4\u200e.exe", 5, "unsupported_container", /It is a \.exe file/],
    ["film.\u202e4pm", 5, "unsupported_container", /It is a /],
    ["1000012345", 0, "file_empty", /download it to this device/],
    ["a\u0000.mp4", 5, "filename_invalid", /control characters/],
    ["a\u2028.mp4", 5, "filename_invalid", /control characters/],
    ["a\ud800.mp4", 5, "filename_invalid", /control characters/],
    [`${"é".repeat(252)}.mp4`, 5, "filename_invalid", /256 characters\. Slipway accepts up to 255/],
  ])("refuses %j of %i bytes as %s", (name, size, code, detail) => {
    const failure = checkFile({ name, size }, POLICY);
    expect(failure).toMatchObject({ code, retryable: false, openVideoIds: [] });
    expect(failure && failureText(ALL_ENGLISH, failure.reason, "create")).toMatch(detail);
  });

  it("shows no direction marks and no endless name in its sentence", () => {
    const failure = checkFile({ name: `\u202efdp${"x".repeat(200)}.exe`, size: 5 }, POLICY);
    const detail = failure === null ? "" : failureText(ALL_ENGLISH, failure.reason, "create");
    expect(detail).not.toContain("\u202e");
    expect(detail.length).toBeLessThan(250);
    expect(detail).toContain("…");
  });
});

describe("a name without extension", () => {
  const CONTENT = {
    ".mp4": MP4_START,
    ".mov": latin1("\0\0\0\x14ftypqt  \0\0\x02\0qt  "),
    ".avi": latin1("RIFF\x10\0\0\0AVI LIST"),
    ".webm": latin1("\x1a\x45\xdf\xa3\x8b\x42\x86\x81\x01\x42\x82\x84webm"),
    ".mkv": latin1("\x1a\x45\xdf\xa3\x8f\x42\x86\x81\x01\x42\x82\x88matroska"),
  };

  it.each([
    ["1000012345", "1000012345"],
    ["video:33", "video:33"],
    ["Holiday 12.05.2024", "Holiday 12.05.2024"],
    ["Lecture 3.5 intro", "Lecture 3.5 intro"],
    ["Dr. Who", "Dr. Who"],
    ["film. ", "film"],
    ["film\u200e", "film"],
    [".mp4", ".mp4"],
    ["   ", "video"],
    ["\ufeff", "video"],
    ["", "video"],
  ])("is completed by the content: %j", (name, stem) => {
    for (const [extension, leading] of Object.entries(CONTENT)) {
      expect(checkFile({ name, size: 5 }, POLICY)).toBeNull();
      expect(checkContent({ name }, leading, POLICY)).toBeNull();
      expect(completeName(name, leading, POLICY)).toBe(stem + extension);
    }
  });

  it("makes no video of another file", () => {
    const failure = checkContent({ name: "1000012345" }, latin1("just words"), POLICY);
    expect(failure).toMatchObject({ code: "unsupported_container", retryable: false });
  });

  it.each(["film.mp4", "film.MP4", "film.m4v", "film.mov"])("is none if it has one: %s", (name) => {
    expect(completeName(name, MP4_START, POLICY)).toBe(name);
  });
});

describe("cleanName", () => {
  const MARKS = "\u200e \u200f \u200b \u200d \u2060 \ufeff \u202c \u2069 \u061c \u00ad \u00a0".split(" ");

  it.each(MARKS.map((mark) => [mark]))("removes %j after and in an extension", (mark) => {
    for (const name of [
      `a.mp4${mark}`,
      `a.${mark}mp4`,
      `a.m${mark}p4`,
      `a.mp4${mark}.`,
      `a.mp4 ${mark} `,
      `a.mp4.${mark}`,
    ])
      expect(cleanName(name, POLICY)).toBe("a.mp4");
  });

  it.each([
    ["a.mp4. . ", "a.mp4"],
    ["  a.MOV ", "a.MOV"],
    ["e\u0301.mp4", "\u00e9.mp4"],
    ["a\u200f.mp4", "a\u200f.mp4"],
    ["👨‍👩‍👧‍👦.mp4", "👨‍👩‍👧‍👦.mp4"],
    ["Part 1.5 👨‍👩‍👧 walk", "Part 1.5 👨‍👩‍👧 walk"],
    ["a.ht\u200bml", "a.ht\u200bml"],
  ])("turns %j into %j", (name, clean) => {
    expect(cleanName(name, POLICY)).toBe(clean);
  });
});

it.each([
  ["a.mp4", "video/mp4"],
  ["A.MOV", "video/quicktime"],
  ["a.m4v", "video/mp4"],
  ["a.mkv", "video/x-matroska"],
  ["a.avi", "video/x-msvideo"],
])("the content type of %s is the first of its extension", (name, contentType) => {
  expect(createRequest({ name, file: { size: 5 } }, POLICY).content_type).toBe(contentType);
});

it("keeps a completed name within the longest that Slipway accepts", () => {
  const name = completeName("ä".repeat(254), MP4_START, POLICY);
  expect([...name]).toHaveLength(255);
  expect(name.endsWith("ä.mp4")).toBe(true);
});
