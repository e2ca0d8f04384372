// Signs out. If that cancels an upload, it asks first.
"use client";

import { LogOut } from "lucide-react";
import { useState } from "react";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { Button } from "@/components/ui/button";
import { useCurrentUpload } from "@/components/upload/current-upload";
import { useSignOut } from "@/hooks/use-session";
import { heldVideo } from "@/hooks/use-upload";
import { isRunning } from "@/lib/upload/rules/upload-state";
import { problemOf } from "@/text/problems";
import { useText } from "@/text/use-text";

export function SignOutButton() {
  const t = useText();
  const signOut = useSignOut();
  const { state, uploader } = useCurrentUpload();
  const [asking, setAsking] = useState(false);
  const uploads = isRunning(state);
  const asks = uploads || heldVideo(state) !== null;
  // The engine keeps a video that may be complete.
  const mayBeComplete = state.status === "failed" && state.mayBeComplete;
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
        aria-label={t.auth.signOut.button}
        pending={signOut.isPending}
        onClick={() => (asks ? setAsking(true) : leave())}
      >
        <LogOut className="rtl:-scale-x-100 sm:hidden" />
        <span className="hidden sm:inline">{t.auth.signOut.button}</span>
      </Button>
      <ConfirmDialog
        open={asking}
        title={t.auth.signOut.title}
        error={signOut.error && problemOf(t, signOut.error, "sign_out").sentence}
        keep={uploads ? t.auth.signOut.keepUploading : t.auth.signOut.stay}
        confirm={
          signOut.isPending
            ? t.auth.signOut.pending
            : uploads
              ? t.auth.signOut.cancelAndSignOut
              : t.auth.signOut.button
        }
        pending={signOut.isPending}
        destructive={asks && !mayBeComplete}
        onClose={close}
        onConfirm={leave}
      >
        {asks &&
          t.auth.signOut[uploads ? "uploadRuns" : mayBeComplete ? "uploadUnconfirmed" : "uploadFailed"]}
      </ConfirmDialog>
    </>
  );
}
