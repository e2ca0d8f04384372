import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "@/lib/api/errors";
import { makeVideo } from "@/lib/upload/testing";
import { SESSION_KEY } from "./use-session";
import { followAgainMs, useDeleteVideo } from "./use-videos";

const REQUEST = { filename: "a.mp4", size_bytes: 5, content_type: "video/mp4" };
const data = makeVideo("v1", REQUEST, "processing");
const asked = { data, error: null, dataUpdateCount: 1, errorUpdateCount: 0 };

afterEach(() => vi.unstubAllGlobals());

it("asks for the space used once the server has deleted a video", async () => {
  const client = new QueryClient();
  client.setQueryData(SESSION_KEY, null);
  const drawn: ReturnType<typeof useDeleteVideo>[] = [];
  const Probe = () => {
    drawn.push(useDeleteVideo());
    return null;
  };
  renderToStaticMarkup(createElement(QueryClientProvider, { client }, createElement(Probe)));
  const isOld = () => client.getQueryState(SESSION_KEY)?.isInvalidated;
  const asked = vi.fn(async () => {
    expect(isOld()).toBe(false);
    return new Response(null, { status: 204 });
  });
  vi.stubGlobal("fetch", asked);
  await drawn[0]?.mutateAsync("v1");
  expect(asked).toHaveBeenCalledOnce();
  expect(isOld()).toBe(true);
});

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
