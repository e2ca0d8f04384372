import { describe, expect, it } from "vitest";
import { chooseFile } from "./choose-file";

const file = (name: string) => new File(["x"], name);

describe("chooseFile", () => {
  it("accepts a single file", () => {
    const only = file("a.mp4");
    expect(chooseFile({ files: [only], hasFolder: false }, false)).toEqual({ kind: "accepted", file: only });
  });

  it("refuses several files", () => {
    const choice = chooseFile({ files: [file("a.mp4"), file("b.mp4")], hasFolder: false }, false);
    expect(choice).toMatchObject({ kind: "refused", notice: expect.stringContaining("one video at a time") });
  });

  it("refuses a folder, a second upload, and a drop without a file", () => {
    expect(chooseFile({ files: [file("dir")], hasFolder: true }, false).kind).toBe("refused");
    expect(chooseFile({ files: [file("a.mp4")], hasFolder: false }, true).kind).toBe("refused");
    expect(chooseFile({ files: [], hasFolder: false }, false)).toMatchObject({
      kind: "refused",
      notice: expect.stringContaining("no file"),
    });
  });
});
