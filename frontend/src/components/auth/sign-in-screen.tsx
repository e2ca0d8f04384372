"use client";

import { useText } from "@/text/use-text";
import { AuthFrame } from "./auth-frame";
import { NewHere } from "./new-here";
import { SignInForm } from "./sign-in-form";

export function SignInScreen() {
  const t = useText();
  return (
    <AuthFrame title={t.auth.signIn.title} text={t.auth.signIn.text} footer={<NewHere />}>
      <SignInForm />
    </AuthFrame>
  );
}
