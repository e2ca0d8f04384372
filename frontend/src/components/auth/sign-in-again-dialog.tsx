// Asks for the password if the session ends during an upload.
"use client";

import { type FormEvent, useEffect, useState } from "react";
import { RefusalNotice, useRefusal } from "@/components/refusal";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogTitle } from "@/components/ui/dialog";
import { useSession, useSignIn } from "@/hooks/use-session";
import { submittedFields } from "@/lib/submitted-fields";
import { useText } from "@/text/use-text";
import { EmailField } from "./email-field";
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
  const t = useText();
  const session = useSession();
  const signIn = useSignIn();
  const refusal = useRefusal(signIn.error, "sign_in");
  const email = useLastEmail(session.status === "signed_in" ? session.user.email : null);

  function submit(event: FormEvent<HTMLFormElement>) {
    const field = submittedFields(event);
    signIn.mutate({ email: field("email").trim(), password: field("password") });
  }

  return (
    <Dialog open={open} onClose={onClose} aria-labelledby="sign-in-again-title">
      <form method="post" onSubmit={submit} className="space-y-5">
        <div>
          <DialogTitle id="sign-in-again-title">{t.auth.signInAgain.title}</DialogTitle>
          <p className="mt-2 text-muted-foreground text-sm leading-relaxed">{t.auth.signInAgain.text}</p>
        </div>
        {/* Only the account that owns the upload can finish it. */}
        <EmailField id="again-email" defaultValue={email ?? ""} readOnly={email !== null} />
        <PasswordField
          id="again-password"
          autoComplete="current-password"
          data-autofocus
          {...refusal.marks("password")}
        />
        <RefusalNotice refusal={refusal} />
        <DialogActions>
          <Button variant="secondary" onClick={onCancelUpload}>
            {t.auth.signInAgain.cancelUpload}
          </Button>
          <Button type="submit" pending={signIn.isPending}>
            {signIn.isPending ? t.auth.signIn.pending : t.auth.signIn.submit}
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
