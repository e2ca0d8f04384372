// Confirms that an upload is cancelled, because it cannot be resumed.
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogTitle } from "@/components/ui/dialog";

export function CancelUploadDialog({
  open,
  onClose,
  onCancelUpload,
}: {
  open: boolean;
  onClose: () => void;
  onCancelUpload: () => void;
}) {
  return (
    <Dialog open={open} onClose={onClose} aria-labelledby="cancel-upload-title">
      <DialogTitle id="cancel-upload-title">Cancel this upload?</DialogTitle>
      <p className="mt-2 text-muted-foreground text-sm leading-relaxed">
        What was sent is discarded. To upload the video later, you have to start again.
      </p>
      <DialogActions>
        <Button variant="secondary" data-autofocus onClick={onClose}>
          Keep uploading
        </Button>
        <Button variant="destructive" onClick={onCancelUpload}>
          Cancel the upload
        </Button>
      </DialogActions>
    </Dialog>
  );
}
