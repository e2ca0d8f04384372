import type { Metadata } from "next";
import { HomeScreen } from "@/components/home-screen";

export const metadata: Metadata = { title: { absolute: "Your videos – Slipway" } };

export default function HomePage() {
  return <HomeScreen />;
}
