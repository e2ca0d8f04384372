// Changes the password, which ends the user's other sessions.
"use client";

import type { FormEvent } from "react";
import { PASSWORD_MAX, PASSWORD_MIN, PasswordField } from "@/components/auth/password-field";
import { RefusalNotice, useRefusal } from "@/components/refusal";
import { Button } from "@/components/ui/button";
import { useChangePassword } from "@/hooks/use-account";
import { submittedFields } from "@/lib/submitted-fields";
import { useAccountText } from "@/text/account-text";
import { AccountSection } from "./account-section";

export function PasswordForm() {
  const t = useAccountText();
  const change = useChangePassword();
  const refusal = useRefusal(change.error, "password");

  function submit(event: FormEvent<HTMLFormElement>) {
    const form = event.currentTarget;
    const field = submittedFields(event);
    change.mutate(
      { current_password: field("current_password"), new_password: field("new_password") },
      { onSuccess: () => form.reset() },
    );
  }

  return (
    <AccountSection title={t.account.password.title}>
      <form method="post" onSubmit={submit} className="mt-4 max-w-md space-y-5">
        <PasswordField
          id="current-password"
          name="current_password"
          label={t.account.password.current}
          autoComplete="current-password"
          {...refusal.marks("current_password")}
        />
        <PasswordField
          id="new-password"
          name="new_password"
          label={t.account.password.new}
          hint={t.account.password.hint(PASSWORD_MIN)}
          autoComplete="new-password"
          minLength={PASSWORD_MIN}
          maxLength={PASSWORD_MAX}
          {...refusal.marks("new_password")}
        />
        <RefusalNotice refusal={refusal} />
        {change.isSuccess && <p role="status">{t.account.password.changed}</p>}
        <Button type="submit" pending={change.isPending}>
          {change.isPending ? t.account.password.pending : t.account.password.submit}
        </Button>
      </form>
    </AccountSection>
  );
}
