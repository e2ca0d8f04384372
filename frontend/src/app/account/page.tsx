import type { Metadata } from "next";
import { AccountScreen } from "@/components/account/account-screen";
import { en } from "@/text/en";

export const metadata: Metadata = { title: en.site.titles.account };

export default function AccountPage() {
  return <AccountScreen />;
}
