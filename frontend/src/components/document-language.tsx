// Tells the browser the language and direction of the texts, and puts the tab's title into that language.
"use client";

import { useLayoutEffect } from "react";
import { setTitle } from "@/lib/page-title";
import { LANGUAGES } from "@/text/languages";
import { useShownText } from "@/text/use-text";

export function DocumentLanguage() {
  const { text, isAwaited } = useShownText();
  useLayoutEffect(() => {
    if (isAwaited) return;
    const root = document.documentElement;
    root.lang = text.language;
    root.dir = LANGUAGES[text.language].direction;
    // The texts that language-script.ts hid are now in this language.
    delete root.dataset.awaits;
    setTitle({ titles: text.site.titles });
  }, [text, isAwaited]);
  return null;
}
