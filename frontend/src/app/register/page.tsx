import type { Metadata } from "next";
import { RegisterScreen } from "@/components/auth/register-screen";
import { en } from "@/text/en";

export const metadata: Metadata = { title: en.site.titles.register };

export default function RegisterPage() {
  return <RegisterScreen />;
}
