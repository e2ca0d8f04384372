// Chooses the one file of a drop or a selection, or says why it takes none.
import type { Dropped } from "@/hooks/use-file-drop";
import type { VideosText } from "@/text/videos-text";

export type Refusal =
  | { readonly reason: "uploadRuns" | "folder" | "noFile" }
  | { readonly reason: "several"; readonly count: number };

export type Choice =
  | { readonly kind: "accepted"; readonly file: File }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export function chooseFile({ files, hasFolder }: Dropped, uploadRuns: boolean): Choice {
  if (uploadRuns) return refused({ reason: "uploadRuns" });
  if (hasFolder) return refused({ reason: "folder" });
  const [first, ...others] = files;
  // Mail programs and pages offer attachments, pictures and links that no browser hands over as files.
  if (first === undefined) return refused({ reason: "noFile" });
  if (others.length > 0) return refused({ reason: "several", count: files.length });
  return { kind: "accepted", file: first };
}

function refused(refusal: Refusal): Choice {
  return { kind: "refused", refusal };
}

export function refusalSentence(t: VideosText, refusal: Refusal): string {
  const texts = t.upload.refused;
  return refusal.reason === "several" ? texts.several(refusal.count) : texts[refusal.reason];
}
