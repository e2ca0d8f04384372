import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, it, vi } from "vitest";
import { videoKeys } from "@/hooks/video-keys";
import { ApiError } from "@/lib/api/errors";
import { makeVideo } from "@/lib/upload/testing";
import { NO_REMOVALS, RemovalContext } from "./removals";
import { VideoScreen } from "./video-screen";

const VIDEO = makeVideo("v1", { filename: "a.mp4", size_bytes: 5, content_type: "video/mp4" }, "processing");

vi.mock("next/navigation", async (original) => ({
  ...(await original<object>()),
  useSearchParams: () => new URLSearchParams({ id: "v1" }),
  useRouter: () => ({}),
}));

function pageAfter(error: ApiError, removals = NO_REMOVALS): string {
  const client = new QueryClient();
  client.setQueryData(videoKeys.one(VIDEO.id), VIDEO);
  client
    .getQueryCache()
    .find({ queryKey: videoKeys.one(VIDEO.id) })
    ?.setState({ error, status: "error" });
  const screen = createElement(RemovalContext, { value: removals }, createElement(VideoScreen));
  return renderToStaticMarkup(createElement(QueryClientProvider, { client }, screen));
}

it("tells that the video was deleted while it was shown", () => {
  const page = pageAfter(new ApiError(404, "video_not_found"));
  expect(page).toContain("No such video");
  expect(page).not.toContain("a.mp4");
});

it("goes on showing a video that this page removed, until the list comes", () => {
  const removals = { ...NO_REMOVALS, removed: new Set([VIDEO.id]) };
  expect(pageAfter(new ApiError(404, "video_not_found"), removals)).toContain("a.mp4");
});

it("goes on showing the video while the server is away", () => {
  expect(pageAfter(new ApiError(0, "network"))).toContain("The server is checking the file.");
});
