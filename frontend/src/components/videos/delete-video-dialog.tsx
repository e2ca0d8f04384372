// Confirms the deletion of a video or an unfinished upload.
"use client";

import { useAnnounce } from "@/components/announcer";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { useDeleteVideo } from "@/hooks/use-videos";
import type { Video } from "@/lib/api/client";

export function DeleteVideoDialog({
  video,
  onClose,
  onDeleted,
}: {
  /** The video to delete. Null closes the dialog. */
  video: Video | null;
  onClose: () => void;
  onDeleted: () => void;
}) {
  const remove = useDeleteVideo();
  const announce = useAnnounce();
  const unfinished = video?.status === "uploading";

  function close() {
    remove.reset();
    onClose();
  }

  function confirm({ id, original_filename: name }: Video) {
    remove.mutate(id, {
      onSuccess: () => {
        announce(`${name} was ${unfinished ? "discarded" : "deleted"}.`);
        close();
        onDeleted();
      },
    });
  }

  return (
    <ConfirmDialog
      open={video !== null}
      title={unfinished ? "Discard this unfinished upload?" : "Delete this video?"}
      error={remove.error?.detail ?? null}
      keep="Keep it"
      confirm={remove.isPending ? "Deleting…" : unfinished ? "Discard" : "Delete"}
      pending={remove.isPending}
      onClose={close}
      onConfirm={() => video !== null && confirm(video)}
    >
      <bdi dir="auto" translate="no" className="break-words font-medium text-foreground">
        {video?.original_filename}
      </bdi>
      <span>
        {unfinished
          ? " isn't uploaded completely. If another tab or device is still sending it, that stops too."
          : " will be deleted. You can't undo this."}
      </span>
    </ConfirmDialog>
  );
}
