import { describe, expect, it } from "vitest";
import { ALL_ENGLISH } from "@/text/all-english";
import { endsEarlyText } from "./video-facts";

describe("endsEarlyText", () => {
  it.each<[number | null, string]>([
    [null, "This file ends early. Part of the video is missing."],
    [0, "This file ends early. It contains almost none of the video."],
    [1, "This file ends early. It contains about 1% of the video."],
    [40, "This file ends early. It contains about 40% of the video."],
    [98, "This file ends early. It contains about 98% of the video."],
    [99, "This file ends early. It contains almost all of the video."],
  ])("of %s percent: %s", (available_percent, text) => {
    expect(endsEarlyText(ALL_ENGLISH, { truncated: true, available_percent })).toBe(text);
  });

  it.each([false, null])("says nothing if truncated is %s", (truncated) => {
    expect(endsEarlyText(ALL_ENGLISH, { truncated, available_percent: null })).toBeNull();
  });
});
