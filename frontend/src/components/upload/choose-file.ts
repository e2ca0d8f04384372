// Chooses the one file of a drop or a selection, or explains why it takes none.
import type { Dropped } from "@/hooks/use-file-drop";

export type Choice =
  | { readonly kind: "accepted"; readonly file: File }
  | { readonly kind: "refused"; readonly notice: string };

export function chooseFile({ files, hasFolder }: Dropped, uploadRuns: boolean): Choice {
  if (uploadRuns) {
    return refused("You can upload one video at a time. Wait until this one is done, or cancel it.");
  }
  if (hasFolder) return refused("That is a folder. Open it and choose one video from it.");
  const [first, ...others] = files;
  // Mail programs and pages offer attachments, pictures and links that no browser hands over as files.
  if (first === undefined) {
    return refused("What you dropped contains no file. Save the video on this device, then choose it here.");
  }
  if (others.length > 0) {
    return refused(
      `You chose ${files.length} files. You can upload one video at a time, so choose one of them.`,
    );
  }
  return { kind: "accepted", file: first };
}

function refused(notice: string): Choice {
  return { kind: "refused", notice };
}
