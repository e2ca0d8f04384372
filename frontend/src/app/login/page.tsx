import type { Metadata } from "next";
import { Suspense } from "react";
import { AuthFrame } from "@/components/auth/auth-frame";
import { AuthSwitchLink } from "@/components/auth/auth-switch-link";
import { SignInForm } from "@/components/auth/sign-in-form";

export const metadata: Metadata = { title: "Sign in" };

export default function LoginPage() {
  return (
    // Only the browser knows the query string, so its readers need a boundary.
    <Suspense>
      <AuthFrame
        title="Sign in"
        text="Welcome back. Your videos are where you left them."
        footer={
          <>
            <span>New here? </span>
            <AuthSwitchLink to="/register">Create an account</AuthSwitchLink>
          </>
        }
      >
        <SignInForm />
      </AuthFrame>
    </Suspense>
  );
}
