import { describe, expect, it } from "vitest";
import { de } from "@/text/de";
import { en } from "@/text/en";
import { ENGLISH, makeText, type Text } from "@/text/text";
import { resolutionName, spell } from "./format";

const { format } = ENGLISH;

const KB = 1024;
const MB = 1024 * KB;
const GB = 1024 * MB;

describe("format.bytes", () => {
  it.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [1023, "1,023 bytes"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [MB - 1, "1 MiB"],
    [63.4 * MB, "63.4 MiB"],
    [512 * MB, "512 MiB"],
    [1023.96 * MB, "1 GiB"],
    [2 * GB, "2 GiB"],
    [5000 * GB, "4.9 TiB"],
  ])("prints %d as %s", (bytes, expected) => {
    expect(format.bytes(bytes)).toBe(expected);
  });
});

describe("format.duration", () => {
  it.each([
    [0, "0.0 s"],
    [0.04, "0.0 s"],
    [0.42, "0.4 s"],
    [1, "0:01"],
    [59.6, "1:00"],
    [83.4, "1:23"],
    [3599.7, "1:00:00"],
    [3723, "1:02:03"],
  ])("prints %d seconds as %s", (seconds, expected) => {
    expect(format.duration(seconds)).toBe(expected);
  });
});

it("prints the exact seconds to the millisecond", () => {
  expect(format.exactSeconds(83.41667)).toBe("83.417 seconds");
  expect(format.exactSeconds(1)).toBe("1 second");
});

describe("format.timeLeft", () => {
  it.each([
    [0, "a few seconds left"],
    [5, "5–10 s left"],
    [14.2, "10–20 s left"],
    [60, "1–2 min left"],
    [599, "9–10 min left"],
    [1500, "25–30 min left"],
    [3600, "1–1.5 h left"],
    [10_000, "2.5–3 h left"],
  ])("prints %d seconds as %s", (seconds, expected) => {
    expect(format.timeLeft(seconds)).toBe(expected);
  });
});

describe("format.when", () => {
  const now = new Date(2026, 10, 22, 15, 0);
  it.each([
    [new Date(2026, 10, 22, 9, 5), "Today, 09:05"],
    [new Date(2026, 10, 21, 23, 59), "Yesterday, 23:59"],
    [new Date(2026, 2, 3, 14, 32), "3 Mar, 14:32"],
    [new Date(2024, 2, 3, 14, 32), "3 Mar 2024, 14:32"],
  ])("prints %s as %s", (date, expected) => {
    expect(format.when(date.toISOString(), now)).toBe(expected);
  });
});

describe("resolutionName", () => {
  it.each([
    [1920, 1080, "1080p"],
    [1080, 1920, "1080p"],
    [1920, 1088, "1080p"],
    [1920, 800, "1080p"],
    [1440, 1080, "1080p"],
    [1920, 1200, null],
    [3840, 2160, "4K"],
    [4096, 2160, "4K"],
    [1280, 720, "720p"],
    [640, 480, "480p"],
    [640, 272, null],
    [333, 77, null],
  ])("calls %d × %d %s", (width, height, expected) => {
    expect(resolutionName(width, height)).toBe(expected);
  });
});

it("prints rates in their own units", () => {
  expect(format.frameRate(30000 / 1001)).toBe("29.97 fps");
  expect(format.frameRate(25)).toBe("25 fps");
  expect(format.bitRate(4_210_000)).toBe("4.2 Mbit/s");
  expect(format.bitRate(96_400)).toBe("96 kbit/s");
});

it("spells names as people do and leaves no unknown one out", () => {
  expect(["mp4", "webm", "h264", "vp9", "pcm_s16le", "pq"].map(spell)).toEqual([
    "MP4",
    "WebM",
    "H.264",
    "VP9",
    "PCM",
    "HDR10",
  ]);
});

it("joins words with a last or", () => {
  expect([["MP4"], ["MP4", "MOV"], ["MP4", "MOV", "AVI"]].map(format.or)).toEqual([
    "MP4",
    "MP4 or MOV",
    "MP4, MOV or AVI",
  ]);
});

describe("figures, dates and lists follow the place", () => {
  const now = new Date(2026, 10, 22, 15, 0);
  const march = new Date(2026, 2, 3, 14, 32).toISOString();
  const shown = (text: Text) => [
    text.format.bytes(1536),
    text.format.exactBytes(1234567),
    text.format.percent(8),
    text.format.when(march, now),
    text.format.wait(120),
    text.format.or(["MP4", "MOV", "AVI"]),
  ];

  it.each<[Text, string[]]>([
    [ENGLISH, ["1.5 KiB", "1,234,567 bytes", "8%", "3 Mar, 14:32", "2 minutes", "MP4, MOV or AVI"]],
    [
      makeText(en, "en", "en-US"),
      ["1.5 KiB", "1,234,567 bytes", "8%", "Mar 3, 2:32 PM", "2 minutes", "MP4, MOV, or AVI"],
    ],
    [
      makeText(de, "de", "de-DE"),
      ["1,5 KiB", "1.234.567 Byte", "8 %", "3. März, 14:32", "2 Minuten", "MP4, MOV oder AVI"],
    ],
  ])("%#", (text, expected) => {
    expect(shown(text).map((part) => part.replace(/[\u00a0\u202f]/g, " "))).toEqual(expected);
  });
});
