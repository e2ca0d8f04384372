import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeVideo } from "../testing";
import type { Progress, UploadState } from "../types";
import { uploadFailure } from "./errors";
import { IDLE, isRunning, reduce, type UploadEvent } from "./upload-state";

const file = { name: "a.mp4", sizeBytes: 1000 };
const video = makeVideo(
  "v1",
  { filename: "a.mp4", size_bytes: 1000, content_type: "video/mp4" },
  "processing",
);
const error = uploadFailure("network", { kind: "upload_lost" }, true);

function progress(bytesSent: number): Progress {
  return {
    bytesSent,
    bytesTotal: 1000,
    percent: Math.min(99, bytesSent / 10),
    bytesPerSecond: null,
    etaSeconds: null,
  };
}

const event: fc.Arbitrary<UploadEvent> = fc.oneof(
  fc.constantFrom<UploadEvent>(
    { type: "chosen", file },
    { type: "accepted", name: "a.mp4" },
    { type: "waited", waiting: { reason: "offline" } },
    { type: "waited", waiting: null },
    { type: "created", videoId: "v1", progress: progress(0) },
    { type: "sent" },
    { type: "found_incomplete" },
    { type: "completed", video },
    { type: "failed", videoId: "v1", error, isLost: false, mayBeComplete: false },
    { type: "restarted" },
    { type: "aborted" },
    { type: "reset" },
  ),
  fc
    .integer({ min: 0, max: 1000 })
    .map((bytes): UploadEvent => ({ type: "progressed", progress: progress(bytes) })),
);

describe("reduce", () => {
  it("walks the whole way", () => {
    const events: UploadEvent[] = [
      { type: "chosen", file },
      { type: "accepted", name: "a.mp4" },
      { type: "created", videoId: "v1", progress: progress(0) },
      { type: "progressed", progress: progress(1000) },
      { type: "sent" },
      { type: "found_incomplete" },
      { type: "sent" },
      { type: "completed", video },
      { type: "reset" },
    ];
    const seen: string[] = [];
    events.reduce<UploadState>((state, next) => {
      const after = reduce(state, next);
      seen.push(after.status);
      return after;
    }, IDLE);
    expect(seen).toEqual([
      "checking",
      "starting",
      "sending",
      "sending",
      "assembling",
      "sending",
      "assembling",
      "done",
      "idle",
    ]);
  });

  it("holds under any order of events", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        let state: UploadState = IDLE;
        for (const next of events) {
          const before: UploadState = state;
          state = reduce(before, next);
          // `done` follows only `assembling`, so the page never says "uploaded" before complete has answered.
          if (state.status === "done" && before.status !== "done") expect(before.status).toBe("assembling");
          // A terminal state is left only because a person asked for it.
          if (!isRunning(before) && state !== before)
            expect(["chosen", "reset", "aborted"]).toContain(next.type);
          if ("progress" in state) {
            if ("progress" in before)
              expect(state.progress.bytesSent).toBeGreaterThanOrEqual(before.progress.bytesSent);
          }
        }
      }),
    );
  });

  it("gives the same reference back when nothing changes", () => {
    const sending: UploadState = {
      status: "sending",
      file,
      videoId: "v1",
      progress: progress(500),
      waiting: { reason: "retrying", attempt: 1, resumesInMs: 500, cause: "no_answer" },
    };
    expect(reduce(sending, { type: "progressed", progress: progress(400) })).toBe(sending);
    const same = { reason: "retrying", attempt: 1, resumesInMs: 500, cause: "no_answer" } as const;
    expect(reduce(sending, { type: "waited", waiting: same })).toBe(sending);
    expect(reduce(IDLE, { type: "reset" })).toBe(IDLE);
  });
});
