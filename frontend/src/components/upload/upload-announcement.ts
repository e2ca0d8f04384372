// Chooses the sentence that the live region says about an upload.
import { endsEarlyText } from "@/components/videos/video-facts";
import type { UploadState, Video, Waiting } from "@/lib/upload/types";
import { failureText } from "@/text/failure-text";
import type { VideosText } from "@/text/videos-text";

const STEP_PERCENT = 25;

/** Return the sentence for this state. It changes only at milestones, so a screen reader can say each change. */
export function uploadAnnouncement(t: VideosText, state: UploadState): string {
  const texts = t.upload.announce;
  switch (state.status) {
    case "idle":
      return "";
    case "checking":
      return texts.checking(state.file.name);
    case "starting":
      return state.waiting === null ? texts.starting(state.file.name) : waitingSentence(t, state.waiting);
    case "sending": {
      if (state.waiting !== null) return waitingSentence(t, state.waiting);
      const milestone = Math.floor(state.progress.percent / STEP_PERCENT) * STEP_PERCENT;
      return milestone === 0
        ? texts.sending(state.file.name, t.format.bytes(state.file.sizeBytes))
        : texts.sent(t.format.percent(milestone));
    }
    case "assembling":
      return state.waiting === null ? texts.assembling : waitingSentence(t, state.waiting);
    case "done":
      return doneSentence(t, state.video);
    case "failed":
      // The card shows the reason in a live region of its own.
      return "";
    case "aborted":
      return texts.cancelled;
    default:
      return state satisfies never;
  }
}

export function doneSentence(t: VideosText, video: Video): string {
  if (video.status !== "ready") return t.upload.announce.uploaded;
  const ready = t.upload.announce.ready(video.container === null ? null : t.format.spell(video.container));
  const missing = endsEarlyText(t, video);
  return missing === null ? ready : `${ready} ${missing}`;
}

export function waitingSentence(t: VideosText, waiting: Waiting): string {
  const texts = t.upload.waiting;
  const retrying: Readonly<Record<string, string>> = texts.retrying;
  switch (waiting.reason) {
    case "offline":
      return texts.offline;
    case "retrying":
      return retrying[waiting.cause] ?? texts.retrying.else;
    case "blocked":
      return failureText(t, waiting.why, "send");
    case "file":
      return texts.file;
    case "signed_out":
      return texts.signedOut;
    default:
      return waiting satisfies never;
  }
}
