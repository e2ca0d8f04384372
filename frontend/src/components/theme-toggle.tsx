// Cycles through the system, light and dark themes.
"use client";

import { Monitor, Moon, Sun } from "lucide-react";
import { useTheme } from "next-themes";
import { useSyncExternalStore } from "react";
import { Button } from "@/components/ui/button";

const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];
const ICONS = { system: Monitor, light: Sun, dark: Moon } as const;
const NAMES = { system: "as the system", light: "light", dark: "dark" } as const;

const neverChanges = () => () => {};

export function ThemeToggle() {
  const { theme, setTheme } = useTheme();
  // Only the browser knows the chosen theme, so the prerendered page shows the system theme.
  const inBrowser = useSyncExternalStore(
    neverChanges,
    () => true,
    () => false,
  );
  const current = (inBrowser && THEMES.find((known) => known === theme)) || "system";
  const Icon = ICONS[current];
  return (
    <Button
      variant="ghost"
      size="icon"
      aria-label={`Theme: ${NAMES[current]}. Change to ${NAMES[after(current)]}.`}
      title={`Theme: ${NAMES[current]}`}
      onClick={() => setTheme(after(current))}
    >
      <Icon />
    </Button>
  );
}

function after(theme: Theme): Theme {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
}
