import type { Metadata } from "next";
import { HomeScreen } from "@/components/home-screen";
import { en } from "@/text/en";

export const metadata: Metadata = { title: { absolute: `${en.site.titles.home} – ${en.site.name}` } };

export default function HomePage() {
  return <HomeScreen />;
}
