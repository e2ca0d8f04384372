// Gives components the texts in the language of the person.
"use client";

import { useSyncExternalStore } from "react";
import { EXPORTED, type Shown, subscribe, whatIsShown } from "./language-store";
import type { Text } from "./text";

export function useText(): Text {
  return useShownText().text;
}

export function useShownText(): Shown {
  // React takes over the exported page before it changes its texts.
  return useSyncExternalStore(subscribe, whatIsShown, () => EXPORTED);
}
