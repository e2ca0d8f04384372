// Takes the one file out of what was dropped or picked, or says why there is none to take.
import type { Dropped } from "@/hooks/use-file-drop";

export type Choice =
  | { readonly kind: "accepted"; readonly file: File }
  | { readonly kind: "refused"; readonly notice: string }
  | { readonly kind: "nothing" };

export function chooseFile({ files, hasFolder }: Dropped, uploadRuns: boolean): Choice {
  if (uploadRuns) {
    return refused("One video at a time: wait until this one is done, or cancel it first.");
  }
  if (hasFolder) return refused("That is a folder. Open it and choose one video from it.");
  const [first, ...others] = files;
  if (first === undefined) return { kind: "nothing" };
  if (others.length > 0) {
    return refused(`Those are ${files.length} files. Upload one video at a time: choose one of them.`);
  }
  return { kind: "accepted", file: first };
}

function refused(notice: string): Choice {
  return { kind: "refused", notice };
}
