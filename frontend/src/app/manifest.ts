// The web app manifest, by which the page can be put on a home screen.
import type { MetadataRoute } from "next";
import { en } from "@/text/en";

export const dynamic = "force-static";

export default function manifest(): MetadataRoute.Manifest {
  return {
    name: en.site.name,
    short_name: en.site.name,
    description: en.site.description,
    // Relative to the manifest, so that it holds under a public path too.
    start_url: "./",
    scope: "./",
    display: "standalone",
    background_color: "#f9fafb",
    theme_color: "#f9fafb",
    icons: [
      { src: "icon.svg", sizes: "any", type: "image/svg+xml" },
      { src: "apple-icon.png", sizes: "180x180", type: "image/png" },
    ],
  };
}
