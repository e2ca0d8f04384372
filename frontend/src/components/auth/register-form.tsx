// Creates an account and signs in.
"use client";

import type { FormEvent } from "react";
import { RefusalNotice, useRefusal } from "@/components/refusal";
import { Button } from "@/components/ui/button";
import { useRegister } from "@/hooks/use-session";
import { submittedFields } from "@/lib/submitted-fields";
import { useText } from "@/text/use-text";
import { EmailField } from "./email-field";
import { LeaveWhenSignedIn } from "./leave-when-signed-in";
import { NameField } from "./name-field";
import { PASSWORD_MAX, PASSWORD_MIN, PasswordField } from "./password-field";
import { PostedRefusals } from "./posted-refusals";

export function RegisterForm() {
  const t = useText();
  const register = useRegister();
  const refusal = useRefusal(register.error, "register");

  function submit(event: FormEvent<HTMLFormElement>) {
    const field = submittedFields(event);
    const name = field("full_name").trim();
    register.mutate({
      email: field("email").trim(),
      password: field("password"),
      ...(name === "" ? {} : { full_name: name }),
    });
  }

  return (
    <form method="post" onSubmit={submit} className="space-y-5">
      <LeaveWhenSignedIn />
      <EmailField id="email" {...refusal.marks("email")} />
      <NameField
        label={
          <>
            <span>{t.auth.register.name}</span>
            <span className="font-normal text-muted-foreground">{t.auth.register.optional}</span>
          </>
        }
        {...refusal.marks("full_name")}
      />
      <PasswordField
        id="password"
        hint={t.auth.register.passwordHint(PASSWORD_MIN)}
        autoComplete="new-password"
        minLength={PASSWORD_MIN}
        maxLength={PASSWORD_MAX}
        {...refusal.marks("password")}
      />
      {register.isIdle && <PostedRefusals place="register" />}
      <RefusalNotice refusal={refusal} />
      <Button type="submit" className="w-full" pending={register.isPending}>
        {register.isPending ? t.auth.register.pending : t.auth.register.submit}
      </Button>
    </form>
  );
}
