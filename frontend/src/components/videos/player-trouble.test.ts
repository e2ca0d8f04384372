import { describe, expect, it } from "vitest";
import { type Trouble, troubleFor, troubleText, troubleTitle } from "./player-trouble";

const NETWORK = 2;
const DECODE = 3;
const NOT_SUPPORTED = 4;

describe("troubleFor", () => {
  it.each<[number, number | null, Trouble]>([
    [NOT_SUPPORTED, 200, "cannot_play"],
    [DECODE, 200, "cannot_play"],
    [DECODE, null, "cannot_play"],
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
    expect(troubleFor(code, status, false)).toBe(trouble);
  });

  it("blames the end of a truncated file only if the player has begun to decode", () => {
    expect(troubleFor(DECODE, 200, true)).toBe("ends_early");
    expect(troubleFor(NOT_SUPPORTED, 200, true)).toBe("cannot_play");
    expect(troubleFor(NETWORK, 404, true)).toBe("missing");
  });
});

describe("troubleText", () => {
  it.each<Trouble>(["not_loaded", "refused", "missing", "failing"])(
    "of %s says nothing of the format",
    (trouble) => {
      expect(troubleTitle(trouble)).toBe("The video couldn't be loaded");
      expect(troubleText(trouble, { container: "webm", video_codec: "vp8" })).not.toMatch(
        /webm|format|support/i,
      );
    },
  );

  it("of cannot_play names the container and the codec", () => {
    expect(troubleText("cannot_play", { container: "avi", video_codec: "mpeg4" })).toMatch(/^AVI with /);
    expect(troubleText("cannot_play", { container: null, video_codec: null })).toMatch(/^The format /);
  });
});
