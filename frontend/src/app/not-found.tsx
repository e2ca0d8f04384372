// Answers unknown addresses. Next's own page has inline styles, which the CSP refuses.
import type { Metadata } from "next";
import { NotFoundScreen } from "@/components/not-found-screen";
import { en } from "@/text/en";

export const metadata: Metadata = { title: en.site.titles.notFound };

export default function NotFound() {
  return <NotFoundScreen />;
}
