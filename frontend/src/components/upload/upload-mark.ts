// Says in the tab's title what an upload does, for people who are in another tab.
import { isInProgress } from "@/hooks/use-video-list";
import type { UploadState, Video } from "@/lib/upload/types";
import type { VideosText } from "@/text/videos-text";

/** What an upload came to. */
export type UploadEnd = "ready" | "failed";

/** `video` is the uploaded one as the server has it by now. */
export function uploadEnd(state: UploadState, video: Video | null): UploadEnd | null {
  if (state.status === "failed") return "failed";
  if (state.status !== "done" || video === null || isInProgress(video.status)) return null;
  return video.status === "ready" ? "ready" : "failed";
}

export function uploadMark(t: VideosText, state: UploadState, end: UploadEnd | null): string | null {
  const marks = t.upload.marks;
  if (end !== null) return marks[end];
  switch (state.status) {
    case "idle":
    case "aborted":
    case "failed":
      return null;
    case "checking":
      return marks.checking;
    case "starting":
      return state.waiting === null ? marks.starting : marks.waiting;
    case "sending": {
      const percent = t.format.percent(state.progress.percent);
      return state.waiting === null ? percent : marks.waitingAt(percent);
    }
    case "assembling":
      return state.waiting === null ? marks.assembling : marks.waiting;
    case "done":
      return marks.checking;
    default:
      return state satisfies never;
  }
}
