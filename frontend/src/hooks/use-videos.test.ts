import { describe, expect, it } from "vitest";
import { ApiError } from "@/lib/api/errors";
import { makeVideo } from "@/lib/upload/testing";
import { followAgainMs } from "./use-videos";

const REQUEST = { filename: "a.mp4", size_bytes: 5, content_type: "video/mp4" };
const data = makeVideo("v1", REQUEST, "processing");
const asked = { data, error: null, dataUpdateCount: 1, errorUpdateCount: 0 };

describe("following a video", () => {
  it("ends when the video is deleted", () => {
    expect(followAgainMs({ ...asked, error: new ApiError(404, "video_not_found") })).toBe(false);
  });

  it("goes on while the server is away, and slows down", () => {
    const error = new ApiError(0, "network");
    const waits = [1, 5, 9].map((errorUpdateCount) => followAgainMs({ ...asked, error, errorUpdateCount }));
    expect(waits).toEqual([...waits].sort((a, b) => Number(a) - Number(b)));
    expect(new Set(waits).size).toBe(3);
    expect(followAgainMs({ ...asked, error, errorUpdateCount: 100 })).toBe(8000);
  });

  it("ends when the server is done with it", () => {
    expect(followAgainMs({ ...asked, data: makeVideo("v1", REQUEST, "ready") })).toBe(false);
  });
});
