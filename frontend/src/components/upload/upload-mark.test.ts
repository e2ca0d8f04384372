import { describe, expect, it } from "vitest";
import { makeVideo } from "@/lib/upload/testing";
import type { UploadState, Video } from "@/lib/upload/types";
import { ALL_ENGLISH } from "@/text/all-english";
import { uploadEnd, uploadMark } from "./upload-mark";

const file = { name: "a.mp4", sizeBytes: 5 };
const request = { filename: "a.mp4", size_bytes: 5, content_type: "video/mp4" };
const progress = { bytesSent: 2, bytesTotal: 5, percent: 45, bytesPerSecond: null, etaSeconds: null };
const video = makeVideo("v1", request, "processing");
const sending = { status: "sending", file, videoId: "v1", progress, waiting: null } as const;
const offline = { reason: "offline" } as const;
const error = {
  code: "network",
  detail: "",
  retryable: true,
  requestId: null,
  openVideoIds: [],
} as unknown as Extract<UploadState, { status: "failed" }>["error"];

describe("uploadMark", () => {
  it.each<[string | null, UploadState, Video["status"]?]>([
    [null, { status: "idle" }],
    [null, { status: "aborted", file }],
    ["Checking", { status: "checking", file }],
    ["Starting", { status: "starting", file, waiting: null }],
    ["Waiting", { status: "starting", file, waiting: offline }],
    ["45%", sending],
    ["Waiting at 45%", { ...sending, waiting: offline }],
    ["Assembling", { ...sending, status: "assembling" }],
    ["Waiting", { ...sending, status: "assembling", waiting: offline }],
    ["Checking", { status: "done", file, video }, "processing"],
    ["Ready", { status: "done", file, video }, "ready"],
    ["Failed", { status: "done", file, video }, "failed"],
    ["Failed", { status: "failed", file, videoId: null, error, mayBeComplete: false }],
  ])("is %s for %j and the video %s", (mark, state, status) => {
    const end = uploadEnd(state, status === undefined ? null : makeVideo("v1", request, status));
    expect(uploadMark(ALL_ENGLISH, state, end)).toBe(mark);
  });
});
