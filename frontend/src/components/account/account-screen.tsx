// Shows what a person can do with the account.
"use client";

import { RequireSession } from "@/components/require-session";
import { useAccountText } from "@/text/account-text";
import { DeleteAccount } from "./delete-account";
import { LanguageChoice } from "./language-choice";
import { NameForm } from "./name-form";
import { OwnData } from "./own-data";
import { PasswordForm } from "./password-form";
import { SessionList } from "./session-list";

export function AccountScreen() {
  const t = useAccountText();
  return (
    <RequireSession fallback={<h1 className="sr-only">{t.account.loading}</h1>}>
      <h1 className="font-semibold text-2xl tracking-tight">{t.account.title}</h1>
      <div className="mt-6 grid max-w-3xl grid-cols-1 gap-6">
        <NameForm />
        <LanguageChoice />
        <PasswordForm />
        <SessionList />
        <OwnData />
        <DeleteAccount />
      </div>
    </RequireSession>
  );
}
