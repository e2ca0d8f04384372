"use client";

import { useSearchParams } from "next/navigation";
import { Suspense } from "react";
import { readWhy } from "@/lib/own-path";
import { useText } from "@/text/use-text";
import { AuthFrame } from "./auth-frame";
import { NewHere } from "./new-here";
import { PasswordHelp } from "./password-help";
import { SignInForm } from "./sign-in-form";

export function SignInScreen() {
  const t = useText();
  return (
    <AuthFrame
      title={t.auth.signIn.title}
      text={
        // Only the browser knows the query string.
        <Suspense fallback={<span>{t.auth.signIn.text}</span>}>
          <WhySignIn />
        </Suspense>
      }
      footer={
        <>
          <NewHere />
          <PasswordHelp />
        </>
      }
    >
      <SignInForm />
    </AuthFrame>
  );
}

function WhySignIn() {
  const t = useText();
  const why = readWhy(useSearchParams());
  return why === null ? (
    <span>{t.auth.signIn.text}</span>
  ) : (
    <span role="status">{t.auth.signIn.why[why]}</span>
  );
}
