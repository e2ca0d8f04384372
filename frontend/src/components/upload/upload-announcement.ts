// Chooses the sentence that the live region says about an upload.
import { endsEarlyText } from "@/components/videos/video-facts";
import { formatBytes, spell } from "@/lib/format";
import type { UploadState, Video, Waiting } from "@/lib/upload/types";

const STEP_PERCENT = 25;

/** Return the sentence for this state. It changes only at milestones, so a screen reader can say each change. */
export function uploadAnnouncement(state: UploadState): string {
  switch (state.status) {
    case "idle":
      return "";
    case "checking":
      return `Checking ${state.file.name}.`;
    case "starting":
      return state.waiting === null
        ? `Starting the upload of ${state.file.name}.`
        : waitingSentence(state.waiting);
    case "sending": {
      if (state.waiting !== null) return waitingSentence(state.waiting);
      const milestone = Math.floor(state.progress.percent / STEP_PERCENT) * STEP_PERCENT;
      return milestone === 0
        ? `Sending ${state.file.name}, ${formatBytes(state.file.sizeBytes)}.`
        : `${milestone} % sent.`;
    }
    case "assembling":
      return state.waiting === null ? "All sent. Assembling the video." : waitingSentence(state.waiting);
    case "done":
      return doneSentence(state.video);
    case "failed":
      // The card shows the reason in a live region of its own.
      return "";
    case "aborted":
      return "Upload cancelled.";
    default:
      return state satisfies never;
  }
}

export function doneSentence(video: Video): string {
  if (video.status !== "ready") return "Uploaded. Reading the details.";
  const format = video.container === null ? "" : `${spell(video.container)} `;
  const missing = endsEarlyText(video);
  return `The ${format}video is ready.${missing === null ? "" : ` ${missing}`}`;
}

export function waitingSentence(waiting: Waiting): string {
  switch (waiting.reason) {
    case "offline":
      return "You're offline. The upload continues when the connection is back.";
    case "retrying":
      return "The connection was interrupted. The upload continues by itself.";
    case "blocked":
      return waiting.detail;
    case "file":
      return "The file can't be read at the moment. The upload continues by itself when it can.";
    case "signed_out":
      return "You were signed out. Sign in to continue the upload.";
    default:
      return waiting satisfies never;
  }
}
