import { describe, expect, it } from "vitest";
import { makeVideo } from "@/lib/upload/testing";
import type { UploadState, Waiting } from "@/lib/upload/types";
import { ALL_ENGLISH } from "@/text/all-english";
import { doneSentence, uploadAnnouncement } from "./upload-announcement";

const file = { name: "clip.mp4", sizeBytes: 4 * 1024 * 1024 };

function sending(percent: number, waiting: Waiting | null = null): UploadState {
  const progress = {
    bytesSent: 0,
    bytesTotal: file.sizeBytes,
    percent,
    bytesPerSecond: null,
    etaSeconds: null,
  };
  return { status: "sending", file, videoId: "v1", progress, waiting };
}

describe("uploadAnnouncement", () => {
  it("announces the start and each quarter only", () => {
    const said = Array.from({ length: 100 }, (_, percent) =>
      uploadAnnouncement(ALL_ENGLISH, sending(percent)),
    );
    expect([...new Set(said)]).toEqual(["Sending clip.mp4, 4 MiB.", "25% sent.", "50% sent.", "75% sent."]);
  });

  it("announces why the upload waits, without counting the attempts", () => {
    const first = uploadAnnouncement(
      ALL_ENGLISH,
      sending(30, { reason: "retrying", attempt: 1, resumesInMs: 900, cause: "no_answer" }),
    );
    const second = uploadAnnouncement(
      ALL_ENGLISH,
      sending(30, { reason: "retrying", attempt: 2, resumesInMs: 1800, cause: "no_answer" }),
    );
    expect(first).toBe(second);
    expect(uploadAnnouncement(ALL_ENGLISH, sending(30, { reason: "offline" }))).toContain("offline");
  });
});

describe("doneSentence", () => {
  const ready = makeVideo("v1", { filename: "a.mp4", size_bytes: 5, content_type: "video/mp4" }, "ready");

  it("names the format", () => {
    expect(doneSentence(ALL_ENGLISH, { ...ready, container: "webm" })).toBe("The WebM video is ready.");
    expect(doneSentence(ALL_ENGLISH, ready)).toBe("The video is ready.");
  });

  it("says that a file ends early", () => {
    expect(doneSentence(ALL_ENGLISH, { ...ready, truncated: true, available_percent: 40 })).toBe(
      "The video is ready. This file ends early. It contains about 40% of the video.",
    );
  });
});
