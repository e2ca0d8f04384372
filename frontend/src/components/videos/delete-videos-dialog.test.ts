import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";
import type { Video } from "@/lib/api/client";
import { makeVideo } from "@/lib/upload/testing";
import { DeleteVideosDialog } from "./delete-videos-dialog";

function asked(...statuses: Video["status"][]): string {
  const videos = statuses.map((status, index) =>
    makeVideo(`v${index}`, { filename: "a.mp4", size_bytes: 5, content_type: "video/mp4" }, status),
  );
  return renderToStaticMarkup(
    createElement(DeleteVideosDialog, { videos, onClose: () => {}, onConfirm: () => {} }),
  );
}

it.each<[string, Video["status"][], string, boolean]>([
  ["videos", ["ready", "failed"], "Delete 2 videos?", false],
  ["uploads", ["uploading", "uploading"], "Discard 2 unfinished uploads?", true],
  ["a video and an upload", ["ready", "uploading"], "Delete 2 videos?", true],
])("asks about %s, and warns if an upload is among them", (_, statuses, title, warns) => {
  const text = asked(...statuses);
  expect(text).toContain(title);
  expect(text.includes("stopped upload")).toBe(warns);
});
