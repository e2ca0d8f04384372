import { describe, expect, it } from "vitest";
import { composeTitle } from "./page-title";

describe("composeTitle", () => {
  it.each<[string | null, string | null, string]>([
    [null, null, "Video – Slipway"],
    ["clip.mp4", null, "clip.mp4 – Slipway"],
    [null, "45%", "45% · Video – Slipway"],
    ["clip.mp4", "Failed", "Failed · clip.mp4 – Slipway"],
  ])("of name %s and mark %s is %s", (name, mark, title) => {
    expect(composeTitle("Video – Slipway", { name, mark })).toBe(title);
  });
});
