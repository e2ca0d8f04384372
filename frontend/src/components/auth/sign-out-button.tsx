// Signs out. If that cancels an upload, it asks first.
"use client";

import { LogOut } from "lucide-react";
import { useState } from "react";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { Button } from "@/components/ui/button";
import { useCurrentUpload } from "@/components/upload/upload-provider";
import { useSignOut } from "@/hooks/use-session";
import { heldVideo } from "@/hooks/use-upload";
import { isRunning } from "@/lib/upload/rules/upload-state";

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
      <ConfirmDialog
        open={asking}
        title="Sign out?"
        error={signOut.error?.detail ?? null}
        keep={uploads ? "Keep uploading" : "Stay signed in"}
        confirm={signOut.isPending ? "Signing out…" : uploads ? "Cancel and sign out" : "Sign out"}
        pending={signOut.isPending}
        destructive={cancelsUpload}
        onClose={close}
        onConfirm={leave}
      >
        {cancelsUpload &&
          (uploads
            ? "Your upload is still running. Signing out cancels it and discards what was sent."
            : "Your upload isn't finished. Signing out cancels it and discards what was sent.")}
      </ConfirmDialog>
    </>
  );
}
