// Signs out. If that cancels an upload, it asks first.
"use client";

import { LogOut } from "lucide-react";
import { useState } from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogTitle } from "@/components/ui/dialog";
import { useCurrentUpload } from "@/components/upload/upload-provider";
import { useSignOut } from "@/hooks/use-session";
import { heldVideo } from "@/hooks/use-upload";
import { isRunning } from "@/lib/upload/upload-state";

export function SignOutButton() {
  const signOut = useSignOut();
  const { state, uploader } = useCurrentUpload();
  const [asking, setAsking] = useState(false);
  const uploads = isRunning(state);
  const cancelsUpload = uploads || heldVideo(state) !== null;
  const close = () => {
    setAsking(false);
    // A sign-out that was sent cannot be taken back.
    if (!signOut.isPending) signOut.reset();
  };

  function leave() {
    // The engine needs the session to remove the upload.
    const removed = uploads ? uploader?.abort() : uploader?.reset();
    signOut.mutate(removed ?? Promise.resolve(), { onSuccess: close, onError: () => setAsking(true) });
  }

  return (
    <>
      <Button
        variant="ghost"
        size="sm"
        className="max-sm:w-9 max-sm:px-0"
        aria-label="Sign out"
        disabled={signOut.isPending}
        onClick={() => (cancelsUpload ? setAsking(true) : leave())}
      >
        <LogOut className="sm:hidden" />
        <span className="hidden sm:inline">Sign out</span>
      </Button>
      <Dialog open={asking} onClose={close} aria-labelledby="sign-out-title">
        <DialogTitle id="sign-out-title">Sign out?</DialogTitle>
        {cancelsUpload && (
          <p className="mt-2 text-muted-foreground text-sm leading-relaxed">
            {uploads
              ? "Your upload is still running. Signing out cancels it and discards what was sent."
              : "Your upload isn't finished. Signing out cancels it and discards what was sent."}
          </p>
        )}
        {signOut.isError && <Alert className="mt-4">{signOut.error.detail}</Alert>}
        <DialogActions>
          <Button variant="secondary" disabled={signOut.isPending} onClick={close}>
            {uploads ? "Keep uploading" : "Stay signed in"}
          </Button>
          <Button
            variant={cancelsUpload ? "destructive" : "primary"}
            disabled={signOut.isPending}
            onClick={() => leave()}
          >
            {signOut.isPending ? "Signing out…" : uploads ? "Cancel and sign out" : "Sign out"}
          </Button>
        </DialogActions>
      </Dialog>
    </>
  );
}
