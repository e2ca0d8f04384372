// Cycles through the system, light and dark themes.
"use client";

import { Monitor, Moon, Sun } from "lucide-react";
import { useTheme } from "next-themes";
import { useSyncExternalStore } from "react";
import { Button } from "@/components/ui/button";
import { useText } from "@/text/use-text";

const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];
const ICONS = { system: Monitor, light: Sun, dark: Moon } as const;

const neverChanges = () => () => {};

export function useChosenTheme(): Theme {
  const { theme } = useTheme();
  // Only the browser knows the chosen theme, so the prerendered page shows the system theme.
  const inBrowser = useSyncExternalStore(
    neverChanges,
    () => true,
    () => false,
  );
  return (inBrowser && THEMES.find((known) => known === theme)) || "system";
}

export function ThemeToggle() {
  const t = useText();
  const { setTheme } = useTheme();
  const current = useChosenTheme();
  const Icon = ICONS[current];
  return (
    <Button
      variant="ghost"
      size="icon"
      aria-label={t.theme.change(t.theme.names[current], t.theme.names[after(current)])}
      title={t.theme.current(t.theme.names[current])}
      onClick={() => setTheme(after(current))}
    >
      <Icon />
    </Button>
  );
}

function after(theme: Theme): Theme {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
}
