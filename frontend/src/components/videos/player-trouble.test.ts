import { describe, expect, it } from "vitest";
import { ALL_ENGLISH } from "@/text/all-english";
import { mayPassNextTime, type Trouble, troubleFor, troubleText, troubleTitle } from "./player-trouble";

const NETWORK = 2;
const DECODE = 3;
const NOT_SUPPORTED = 4;

describe("troubleFor", () => {
  it.each<[number, number | null, Trouble]>([
    [NOT_SUPPORTED, 200, "cannot_play"],
    [DECODE, 200, "cannot_play"],
    [DECODE, null, "cannot_play"],
    [DECODE, 404, "missing"],
    [DECODE, 503, "failing"],
    [NETWORK, 200, "not_loaded"],
    [NETWORK, null, "not_loaded"],
    [NOT_SUPPORTED, null, "not_loaded"],
    [NOT_SUPPORTED, 401, "refused"],
    [NOT_SUPPORTED, 403, "refused"],
    [NETWORK, 403, "refused"],
    [NOT_SUPPORTED, 404, "missing"],
    [NOT_SUPPORTED, 410, "missing"],
    [NOT_SUPPORTED, 429, "failing"],
    [NOT_SUPPORTED, 500, "failing"],
    [NETWORK, 503, "failing"],
  ])("returns for error code %i and status %s: %s", (code, status, trouble) => {
    expect(troubleFor(code, status, { truncated: false, hasPlayed: false })).toBe(trouble);
  });

  it("does not blame a format that has played", () => {
    expect(troubleFor(DECODE, 200, { truncated: false, hasPlayed: true })).toBe("stopped");
  });

  it.each<[number, number, boolean, Trouble]>([
    [DECODE, 200, true, "ends_early"],
    [DECODE, 200, false, "cut_off"],
    [NOT_SUPPORTED, 200, false, "cut_off"],
    [NETWORK, 404, true, "missing"],
  ])(
    "of a truncated file returns for code %i and status %i, played %s: %s",
    (code, status, hasPlayed, trouble) => {
      expect(troubleFor(code, status, { truncated: true, hasPlayed })).toBe(trouble);
    },
  );
});

describe("mayPassNextTime", () => {
  it.each<[Trouble, boolean]>([
    ["cannot_play", false],
    ["no_picture", false],
    ["cut_off", false],
    ["ends_early", true],
    ["stopped", true],
    ["missing", true],
    ["not_loaded", true],
  ])("of %s is %s", (trouble, may) => {
    expect(mayPassNextTime(trouble)).toBe(may);
  });
});

const WHOLE = { truncated: false, available_percent: null };

describe("troubleText", () => {
  it.each<Trouble>(["not_loaded", "refused", "missing", "failing"])(
    "of %s says nothing of the format",
    (trouble) => {
      expect(troubleTitle(ALL_ENGLISH, trouble)).toBe("The video couldn't be loaded");
      const text = troubleText(ALL_ENGLISH, trouble, { container: "webm", video_codec: "vp8", ...WHOLE });
      expect(text).not.toMatch(/webm|format|support/i);
    },
  );

  it("of cannot_play names the container and the codec", () => {
    expect(
      troubleText(ALL_ENGLISH, "cannot_play", { container: "avi", video_codec: "mpeg4", ...WHOLE }),
    ).toMatch(/^AVI with /);
    expect(troubleText(ALL_ENGLISH, "cannot_play", { container: null, video_codec: null, ...WHOLE })).toMatch(
      /^The format /,
    );
  });

  it("of cut_off says how much there is and nothing of the format", () => {
    const cut = { container: "mp4", video_codec: "h264", truncated: true, available_percent: 3 };
    expect(troubleText(ALL_ENGLISH, "cut_off", cut)).toBe(
      "This file ends early. It contains about 3% of the video. If you have the whole file, upload it again.",
    );
  });
});
