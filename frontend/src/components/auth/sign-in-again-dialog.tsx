// The session ended during an upload: asks for the password again while the upload waits.
"use client";

import { type FormEvent, useEffect, useState } from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogTitle } from "@/components/ui/dialog";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { useSession, useSignIn } from "@/hooks/use-session";
import { authErrorText } from "./auth-error-text";
import { formText } from "./form-text";
import { PasswordField } from "./password-field";

export function SignInAgainDialog({
  open,
  onPutOff,
  onGiveUp,
}: {
  open: boolean;
  /** Closed with Escape, for a look at the page. */
  onPutOff: () => void;
  onGiveUp: () => void;
}) {
  const session = useSession();
  const signIn = useSignIn();
  const email = useLastEmail(session.status === "signed_in" ? session.user.email : null);

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    signIn.mutate({ email: formText(form, "email").trim(), password: formText(form, "password") });
  }

  return (
    <Dialog open={open} onClose={onPutOff} aria-labelledby="sign-in-again-title">
      <form method="post" onSubmit={submit} className="space-y-5">
        <div>
          <DialogTitle id="sign-in-again-title">Sign in to go on</DialogTitle>
          <p className="mt-2 text-muted-foreground text-sm leading-relaxed">
            Your session has ended. Sign in again, and the upload goes on where it is.
          </p>
        </div>
        <div className="space-y-2">
          <Label htmlFor="again-email">E-mail</Label>
          {/* The upload belongs to this account: another one could not finish it. */}
          <Input
            id="again-email"
            name="email"
            type="email"
            autoComplete="username"
            defaultValue={email ?? ""}
            readOnly={email !== null}
            required
          />
        </div>
        <PasswordField
          id="again-password"
          name="password"
          label="Password"
          autoComplete="current-password"
          data-autofocus
          required
        />
        {signIn.isError && <Alert>{authErrorText(signIn.error)}</Alert>}
        <DialogActions>
          <Button variant="secondary" onClick={onGiveUp}>
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
