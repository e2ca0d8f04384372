// Shows what a person can do with the account.
"use client";

import { RequireSession } from "@/components/require-session";
import { useText } from "@/text/use-text";
import { PasswordForm } from "./password-form";
import { SessionList } from "./session-list";

export function AccountScreen() {
  const t = useText();
  return (
    <RequireSession fallback={null}>
      <h1 className="font-semibold text-2xl tracking-tight">{t.account.title}</h1>
      <div className="mt-6 grid max-w-3xl grid-cols-1 gap-6">
        <PasswordForm />
        <SessionList />
      </div>
    </RequireSession>
  );
}
