// The gallery, for developers. next.config.ts says when this file is a page.
import type { Metadata } from "next";
import { Suspense } from "react";
import { Gallery } from "@/gallery/gallery";
import "@/gallery/gallery.css";

export const metadata: Metadata = { title: "Gallery" };

export default function GalleryPage() {
  return (
    // Only the browser knows the query string.
    <Suspense>
      <Gallery />
    </Suspense>
  );
}
