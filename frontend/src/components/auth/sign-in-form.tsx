// E-mail and password, for the sign-in page.
"use client";

import type { FormEvent } from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { useSignIn } from "@/hooks/use-session";
import { authErrorText } from "./auth-error-text";
import { formText } from "./form-text";
import { PasswordField } from "./password-field";
import { useLeaveWhenSignedIn } from "./use-leave-when-signed-in";

export function SignInForm() {
  const signIn = useSignIn();
  useLeaveWhenSignedIn();

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    signIn.mutate({ email: formText(form, "email").trim(), password: formText(form, "password") });
  }

  return (
    // method="post": should the script be late, the password must not end up in the address bar.
    <form method="post" onSubmit={submit} className="space-y-5">
      <div className="space-y-2">
        <Label htmlFor="email">E-mail</Label>
        <Input id="email" name="email" type="email" autoComplete="username" inputMode="email" required />
      </div>
      <PasswordField
        id="password"
        name="password"
        label="Password"
        autoComplete="current-password"
        required
      />
      {signIn.isError && <Alert>{authErrorText(signIn.error)}</Alert>}
      <Button type="submit" className="w-full" disabled={signIn.isPending}>
        {signIn.isPending ? "Signing in…" : "Sign in"}
      </Button>
    </form>
  );
}
