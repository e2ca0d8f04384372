// Confirms the deletion of a video or an unfinished upload.
"use client";

import { useAnnounce } from "@/components/announcer";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogTitle } from "@/components/ui/dialog";
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

  function confirm(doomed: Video) {
    remove.mutate(doomed.id, {
      onSuccess: () => {
        announce(`${doomed.original_filename} was ${unfinished ? "discarded" : "deleted"}.`);
        close();
        onDeleted();
      },
    });
  }

  return (
    <Dialog open={video !== null} onClose={close} aria-labelledby="delete-video-title">
      {video !== null && (
        <>
          <DialogTitle id="delete-video-title">
            {unfinished ? "Discard this unfinished upload?" : "Delete this video?"}
          </DialogTitle>
          <p className="mt-2 text-muted-foreground text-sm leading-relaxed">
            <bdi dir="auto" className="break-words font-medium text-foreground">
              {video.original_filename}
            </bdi>{" "}
            {unfinished
              ? "isn't uploaded completely. If another tab or device is still sending it, that stops too."
              : "will be deleted. You can't undo this."}
          </p>
          {remove.isError && <Alert className="mt-4">{remove.error.detail}</Alert>}
          <DialogActions>
            <Button variant="secondary" data-autofocus onClick={close}>
              Keep it
            </Button>
            <Button variant="destructive" disabled={remove.isPending} onClick={() => confirm(video)}>
              {remove.isPending ? "Deleting…" : unfinished ? "Discard" : "Delete"}
            </Button>
          </DialogActions>
        </>
      )}
    </Dialog>
  );
}
