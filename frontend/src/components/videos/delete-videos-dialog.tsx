// Asks before several videos or unfinished uploads are deleted at once.
"use client";

import { ConfirmDialog } from "@/components/confirm-dialog";
import type { Video } from "@/lib/api/client";
import { useVideosText } from "@/text/videos-text";

export function DeleteVideosDialog({
  videos,
  onClose,
  onConfirm,
}: {
  /** None closes the dialog. */
  videos: readonly Video[];
  onClose: () => void;
  onConfirm: () => void;
}) {
  const t = useVideosText();
  const texts = t.videos.delete;
  const areUploads = videos.every(({ status }) => status === "uploading");
  const hasUpload = videos.some(({ status }) => status === "uploading");
  const count = videos.length;
  const shown = t.format.number(count);
  return (
    <ConfirmDialog
      open={count > 0}
      title={areUploads ? texts.discardTitleOf(count, shown) : texts.titleOf(count, shown)}
      keep={texts.keep}
      confirm={areUploads ? texts.discard : texts.button}
      onClose={onClose}
      onConfirm={() => {
        onClose();
        onConfirm();
      }}
    >
      <span>{hasUpload ? texts.textWithUpload : texts.text}</span>
    </ConfirmDialog>
  );
}
