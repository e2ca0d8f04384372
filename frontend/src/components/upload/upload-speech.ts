// Decides what the live region says of an upload's states, so that it says each thing once.
import type { UploadState } from "@/lib/upload/types";
import type { VideosText } from "@/text/videos-text";
import { uploadAnnouncement } from "./upload-announcement";

export interface Speech {
  /** The sentence to say now. An empty one clears the live region, and null leaves it. */
  readonly sentence: string | null;
  /** What was said of this upload while it moved. */
  readonly said: ReadonlySet<string>;
  /** What was said of the outage that lasts. Null if bytes move. */
  readonly saidOfOutage: ReadonlySet<string> | null;
}

export const SILENT: Speech = { sentence: null, said: new Set(), saidOfOutage: null };

export function speak(t: VideosText, before: Speech, state: UploadState): Speech {
  const sentence = uploadAnnouncement(t, state);
  // The next user must not find the last one's file name in the live region.
  if (state.status === "idle") return { ...SILENT, sentence: "" };
  if (sentence === "") return SILENT;
  if ("waiting" in state && state.waiting !== null) {
    const saidOfOutage = new Set([...(before.saidOfOutage ?? []), sentence]);
    return { ...before, sentence: before.saidOfOutage?.has(sentence) ? null : sentence, saidOfOutage };
  }
  const saidBefore = state.status === "checking" ? SILENT.said : before.said;
  const said = new Set([...saidBefore, sentence]);
  if (before.saidOfOutage !== null && state.status === "sending") {
    const percent = t.format.percent(state.progress.percent);
    return { sentence: t.upload.announce.continues(percent), said, saidOfOutage: null };
  }
  return { sentence: saidBefore.has(sentence) ? null : sentence, said, saidOfOutage: null };
}
