import type { Metadata } from "next";
import { SignInScreen } from "@/components/auth/sign-in-screen";
import { en } from "@/text/en";

export const metadata: Metadata = { title: en.site.titles.login };

export default function LoginPage() {
  return <SignInScreen />;
}
