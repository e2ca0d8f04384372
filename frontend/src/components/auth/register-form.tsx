// Creates an account and signs in.
"use client";

import type { FormEvent } from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { useRegister } from "@/hooks/use-session";
import { EmailField, readForm } from "./email-field";
import { PasswordField } from "./password-field";
import { useLeaveWhenSignedIn } from "./use-leave-when-signed-in";

// The API's limits. It also refuses common passwords.
const PASSWORD_MIN = 8;
const PASSWORD_MAX = 128;

export function RegisterForm() {
  const register = useRegister();
  useLeaveWhenSignedIn();

  function submit(event: FormEvent<HTMLFormElement>) {
    const { email, password, fullName } = readForm(event);
    register.mutate({ email, password, ...(fullName === "" ? {} : { full_name: fullName }) });
  }

  return (
    <form method="post" onSubmit={submit} className="space-y-5">
      <EmailField id="email" />
      <div className="space-y-2">
        <Label htmlFor="full-name">
          <span>Name </span>
          <span className="font-normal text-muted-foreground">(optional)</span>
        </Label>
        <Input id="full-name" name="full_name" autoComplete="name" maxLength={255} />
      </div>
      <PasswordField
        id="password"
        hint={`At least ${PASSWORD_MIN} characters. A few words in a row are strong and easy to remember.`}
        autoComplete="new-password"
        minLength={PASSWORD_MIN}
        maxLength={PASSWORD_MAX}
      />
      {register.isError && <Alert>{register.error.detail}</Alert>}
      <Button type="submit" className="w-full" disabled={register.isPending}>
        {register.isPending ? "Creating the account…" : "Create account"}
      </Button>
    </form>
  );
}
