import { describe, expect, it } from "vitest";
import type { Dropped } from "@/hooks/use-file-drop";
import { ALL_ENGLISH } from "@/text/all-english";
import { chooseFile, refusalSentence } from "./choose-file";

const file = (name: string) => new File(["x"], name);

describe("chooseFile", () => {
  it("accepts a single file", () => {
    const only = file("a.mp4");
    expect(chooseFile({ files: [only], hasFolder: false }, false)).toEqual({ kind: "accepted", file: only });
  });

  it.each<[string, Dropped, boolean, RegExp]>([
    [
      "several files",
      { files: [file("a.mp4"), file("b.mp4")], hasFolder: false },
      false,
      /one video at a time/,
    ],
    ["a folder", { files: [file("dir")], hasFolder: true }, false, /folder/],
    ["a second upload", { files: [file("a.mp4")], hasFolder: false }, true, /Wait until this one is done/],
    ["a drop without a file", { files: [], hasFolder: false }, false, /no file/],
  ])("refuses %s", (_, dropped, uploadRuns, sentence) => {
    const choice = chooseFile(dropped, uploadRuns);
    expect(choice.kind === "refused" && refusalSentence(ALL_ENGLISH, choice.refusal)).toMatch(sentence);
  });
});
