// Makes an account and signs in with it.
"use client";

import type { FormEvent } from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { useRegister } from "@/hooks/use-session";
import { authErrorText } from "./auth-error-text";
import { formText } from "./form-text";
import { PasswordField } from "./password-field";
import { useLeaveWhenSignedIn } from "./use-leave-when-signed-in";

// The API's bounds; it refuses common passwords besides.
const PASSWORD_MIN = 8;
const PASSWORD_MAX = 128;

export function RegisterForm() {
  const register = useRegister();
  useLeaveWhenSignedIn();

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const fullName = formText(form, "full_name").trim();
    register.mutate({
      email: formText(form, "email").trim(),
      password: formText(form, "password"),
      ...(fullName === "" ? {} : { full_name: fullName }),
    });
  }

  return (
    <form method="post" onSubmit={submit} className="space-y-5">
      <div className="space-y-2">
        <Label htmlFor="email">E-mail</Label>
        <Input id="email" name="email" type="email" autoComplete="username" inputMode="email" required />
      </div>
      <div className="space-y-2">
        <Label htmlFor="full-name">
          Name <span className="font-normal text-muted-foreground">(optional)</span>
        </Label>
        <Input id="full-name" name="full_name" autoComplete="name" maxLength={255} />
      </div>
      <PasswordField
        id="password"
        name="password"
        label="Password"
        hint={`At least ${PASSWORD_MIN} characters. A few words in a row are good and easy to keep.`}
        autoComplete="new-password"
        minLength={PASSWORD_MIN}
        maxLength={PASSWORD_MAX}
        required
      />
      {register.isError && <Alert>{authErrorText(register.error)}</Alert>}
      <Button type="submit" className="w-full" disabled={register.isPending}>
        {register.isPending ? "Creating the account…" : "Create account"}
      </Button>
    </form>
  );
}
