// Signs out; with an upload on its way, or to be tried again, it asks first, because that ends with the session.
"use client";

import { LogOut } from "lucide-react";
import { useState } from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogTitle } from "@/components/ui/dialog";
import { useCurrentUpload } from "@/components/upload/upload-provider";
import { useSignOut } from "@/hooks/use-session";
import { isActive } from "@/hooks/use-upload";

export function SignOutButton() {
  const signOut = useSignOut();
  const { state, uploader } = useCurrentUpload();
  const [asking, setAsking] = useState(false);
  const uploads = isActive(state);
  const interrupted = state.status === "failed" && state.error.retryable && state.videoId !== null;
  const givesUpAnUpload = uploads || interrupted;
  const close = () => {
    setAsking(false);
    // What is on its way is not called back.
    if (!signOut.isPending) signOut.reset();
  };

  function leave() {
    // Taking away what an upload has sent needs the session.
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
        onClick={() => (givesUpAnUpload ? setAsking(true) : leave())}
      >
        <LogOut className="sm:hidden" />
        <span className="hidden sm:inline">Sign out</span>
      </Button>
      <Dialog open={asking} onClose={close} aria-labelledby="sign-out-title">
        <DialogTitle id="sign-out-title">Sign out?</DialogTitle>
        {givesUpAnUpload && (
          <p className="mt-2 text-muted-foreground text-sm leading-relaxed">
            {uploads
              ? "A video is being uploaded. Signing out cancels the upload, and what has been sent is thrown away."
              : "A video is not uploaded yet. Signing out gives it up, and what has been sent is thrown away."}
          </p>
        )}
        {signOut.isError && <Alert className="mt-4">{signOut.error.detail}</Alert>}
        <DialogActions>
          <Button variant="secondary" disabled={signOut.isPending} onClick={close}>
            {uploads ? "Keep uploading" : "Stay signed in"}
          </Button>
          <Button
            variant={givesUpAnUpload ? "destructive" : "primary"}
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
