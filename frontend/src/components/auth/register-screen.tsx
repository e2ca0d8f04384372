// Offers to create an account, or says who can.
"use client";

import { useRegistrationOpen } from "@/hooks/use-registration-open";
import { useText } from "@/text/use-text";
import { AuthFrame } from "./auth-frame";
import { AuthSwitchLink } from "./auth-switch-link";
import { RegisterForm } from "./register-form";

export function RegisterScreen() {
  const t = useText();
  const open = useRegistrationOpen();
  return (
    <AuthFrame
      title={t.auth.register.title}
      text={open === false ? t.auth.register.closed : t.auth.register.text}
      footer={
        <>
          <span>{t.auth.register.haveAccount}</span>
          <AuthSwitchLink to="/login">{t.auth.register.signIn}</AuthSwitchLink>
        </>
      }
    >
      {/* Until the API has said no, so that the form is in the HTML. */}
      {open !== false && <RegisterForm />}
    </AuthFrame>
  );
}
