"use client";

import type { FormEvent } from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { useSignIn } from "@/hooks/use-session";
import { problemOf } from "@/text/problems";
import { useText } from "@/text/use-text";
import { EmailField, readForm } from "./email-field";
import { LeaveWhenSignedIn } from "./leave-when-signed-in";
import { PasswordField } from "./password-field";
import { PostedRefusals } from "./posted-refusals";

export function SignInForm() {
  const t = useText();
  const signIn = useSignIn();

  function submit(event: FormEvent<HTMLFormElement>) {
    const { email, password } = readForm(event);
    signIn.mutate({ email, password });
  }

  return (
    // Until the script has loaded, the browser sends the form to its own address, and the server signs in. A GET would
    // put the password into the URL.
    <form method="post" onSubmit={submit} className="space-y-5">
      <LeaveWhenSignedIn />
      <EmailField id="email" />
      <PasswordField id="password" autoComplete="current-password" />
      {signIn.isIdle && <PostedRefusals place="sign_in" />}
      {signIn.isError && <Alert>{problemOf(t, signIn.error, "sign_in").sentence}</Alert>}
      <Button type="submit" className="w-full" pending={signIn.isPending}>
        {signIn.isPending ? t.auth.signIn.pending : t.auth.signIn.submit}
      </Button>
    </form>
  );
}
