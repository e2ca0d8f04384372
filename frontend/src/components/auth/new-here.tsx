// Tells somebody without an account where to get one.
"use client";

import { useRegistrationOpen } from "@/hooks/use-registration-open";
import { useText } from "@/text/use-text";
import { AuthSwitchLink } from "./auth-switch-link";

export function NewHere() {
  const t = useText();
  const open = useRegistrationOpen();
  if (open === null) return null;
  if (!open) return <span>{t.auth.signIn.closed}</span>;
  return (
    <>
      <span>{t.auth.signIn.newHere}</span>
      <AuthSwitchLink to="/register">{t.auth.signIn.register}</AuthSwitchLink>
    </>
  );
}
