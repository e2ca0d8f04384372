// Says why an upload failed, from what the engine found out.
import type { FailureReason } from "@/lib/upload/types";
import { type Place, problemOf } from "./problems";
import type { VideosText } from "./videos-text";

type Say = (reason: never, format: VideosText["format"], accepted: string) => string;

/** `place` says whether something of the file has been sent. */
export function failureText(
  t: VideosText,
  reason: FailureReason,
  place: Extract<Place, "create" | "send">,
): string {
  if (reason.kind === "api") return problemOf(t, reason, place).sentence;
  const named = "name" in reason && reason.name === "" ? { ...reason, name: t.failures.theFile } : reason;
  // Each sentence takes the facts of its own kind.
  const say = t.failures[named.kind] as Say;
  return say(named as never, t.format, acceptedText(t, named));
}

/** "MP4 (.mp4, .m4v) and WebM (.webm)". */
function acceptedText({ format }: VideosText, reason: FailureReason): string {
  if (!("accepted" in reason)) return "";
  return format.and(
    reason.accepted.map(
      ({ container, extensions }) => `${format.spell(container)} (${extensions.join(", ")})`,
    ),
  );
}
