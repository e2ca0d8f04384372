"use client";

import type { FormEvent } from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { useSignIn } from "@/hooks/use-session";
import { EmailField, readForm } from "./email-field";
import { PasswordField } from "./password-field";
import { useLeaveWhenSignedIn } from "./use-leave-when-signed-in";

export function SignInForm() {
  const signIn = useSignIn();
  useLeaveWhenSignedIn();

  function submit(event: FormEvent<HTMLFormElement>) {
    const { email, password } = readForm(event);
    signIn.mutate({ email, password });
  }

  return (
    // If the script loads late, the browser submits the form itself. A GET would put the password into the URL.
    <form method="post" onSubmit={submit} className="space-y-5">
      <EmailField id="email" />
      <PasswordField id="password" autoComplete="current-password" />
      {signIn.isError && <Alert>{signIn.error.detail}</Alert>}
      <Button type="submit" className="w-full" disabled={signIn.isPending}>
        {signIn.isPending ? "Signing in…" : "Sign in"}
      </Button>
    </form>
  );
}
