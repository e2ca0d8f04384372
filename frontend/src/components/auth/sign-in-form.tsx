"use client";

import type { FormEvent } from "react";
import { RefusalNotice, useRefusal } from "@/components/refusal";
import { Button } from "@/components/ui/button";
import { useSignIn } from "@/hooks/use-session";
import { submittedFields } from "@/lib/submitted-fields";
import { useText } from "@/text/use-text";
import { EmailField } from "./email-field";
import { LeaveWhenSignedIn } from "./leave-when-signed-in";
import { PasswordField } from "./password-field";
import { PostedRefusals } from "./posted-refusals";

export function SignInForm() {
  const t = useText();
  const signIn = useSignIn();
  const refusal = useRefusal(signIn.error, "sign_in");

  function submit(event: FormEvent<HTMLFormElement>) {
    const field = submittedFields(event);
    signIn.mutate({ email: field("email").trim(), password: field("password") });
  }

  return (
    // Until the script has loaded, the browser sends the form to its own address, and the server signs in. A GET would
    // put the password into the URL.
    <form method="post" onSubmit={submit} className="space-y-5">
      <LeaveWhenSignedIn />
      <EmailField id="email" {...refusal.marks("email")} />
      <PasswordField id="password" autoComplete="current-password" {...refusal.marks("password")} />
      {signIn.isIdle && <PostedRefusals place="sign_in" />}
      <RefusalNotice refusal={refusal} />
      <Button type="submit" className="w-full" pending={signIn.isPending}>
        {signIn.isPending ? t.auth.signIn.pending : t.auth.signIn.submit}
      </Button>
    </form>
  );
}
