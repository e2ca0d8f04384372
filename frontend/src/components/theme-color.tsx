// Tells the browser the colour of the page, which phones give to their own bars.
"use client";

import { useChosenTheme } from "@/components/theme-toggle";

// `--background` of globals.css, which a media query cannot name.
const COLORS = { light: "#f9fafb", dark: "#0c0f13" } as const;

export function ThemeColor() {
  const chosen = useChosenTheme();
  return (["light", "dark"] as const).map((system) => (
    <meta
      key={system}
      name="theme-color"
      media={`(prefers-color-scheme: ${system})`}
      content={COLORS[chosen === "system" ? system : chosen]}
    />
  ));
}
