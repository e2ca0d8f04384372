import type { Metadata } from "next";
import { Suspense } from "react";
import { AuthFrame } from "@/components/auth/auth-frame";
import { AuthSwitchLink } from "@/components/auth/auth-switch-link";
import { RegisterForm } from "@/components/auth/register-form";

export const metadata: Metadata = { title: "Create an account" };

export default function RegisterPage() {
  return (
    <Suspense>
      <AuthFrame
        title="Create an account"
        text="Then drop in your first video."
        footer={
          <>
            <span>Have an account? </span>
            <AuthSwitchLink to="/login">Sign in</AuthSwitchLink>
          </>
        }
      >
        <RegisterForm />
      </AuthFrame>
    </Suspense>
  );
}
