// Asks for the password if the session ends during an upload.
"use client";

import { type FormEvent, useEffect, useState } from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogTitle } from "@/components/ui/dialog";
import { useSession, useSignIn } from "@/hooks/use-session";
import { EmailField, readForm } from "./email-field";
import { PasswordField } from "./password-field";

export function SignInAgainDialog({
  open,
  onClose,
  onCancelUpload,
}: {
  open: boolean;
  onClose: () => void;
  onCancelUpload: () => void;
}) {
  const session = useSession();
  const signIn = useSignIn();
  const email = useLastEmail(session.status === "signed_in" ? session.user.email : null);

  function submit(event: FormEvent<HTMLFormElement>) {
    const { email, password } = readForm(event);
    signIn.mutate({ email, password });
  }

  return (
    <Dialog open={open} onClose={onClose} aria-labelledby="sign-in-again-title">
      <form method="post" onSubmit={submit} className="space-y-5">
        <div>
          <DialogTitle id="sign-in-again-title">Sign in to continue</DialogTitle>
          <p className="mt-2 text-muted-foreground text-sm leading-relaxed">
            Your session has ended. Sign in again to continue the upload.
          </p>
        </div>
        {/* Only the account that owns the upload can finish it. */}
        <EmailField id="again-email" defaultValue={email ?? ""} readOnly={email !== null} />
        <PasswordField id="again-password" autoComplete="current-password" data-autofocus />
        {signIn.isError && <Alert>{signIn.error.detail}</Alert>}
        <DialogActions>
          <Button variant="secondary" onClick={onCancelUpload}>
            Cancel the upload
          </Button>
          <Button type="submit" disabled={signIn.isPending}>
            {signIn.isPending ? "Signing in…" : "Sign in"}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

function useLastEmail(current: string | null): string | null {
  const [last, setLast] = useState(current);
  useEffect(() => {
    if (current !== null) setLast(current);
  }, [current]);
  return current ?? last;
}
