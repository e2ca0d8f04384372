// Chooses the language of the page, which this browser keeps.
"use client";

import { useState } from "react";
import { Alert } from "@/components/ui/alert";
import { Label } from "@/components/ui/label";
import { Select } from "@/components/ui/select";
import { useAccountText } from "@/text/account-text";
import { chooseLanguage } from "@/text/language-store";
import { LANGUAGE_IDS, LANGUAGES, PSEUDO, pickLanguage } from "@/text/languages";
import { useShownText } from "@/text/use-text";
import { AccountSection } from "./account-section";

export function LanguageChoice() {
  const t = useAccountText();
  const texts = t.account.language;
  const { choice } = useShownText();
  const [isMissing, setMissing] = useState(false);
  const ofBrowser = pickLanguage(LANGUAGE_IDS, null, navigator.languages);

  async function choose(value: string) {
    const next = LANGUAGE_IDS.find((known) => known === value) ?? null;
    try {
      await chooseLanguage(next);
      setMissing(false);
    } catch {
      setMissing(true);
    }
  }

  return (
    <AccountSection title={texts.title}>
      <div className="mt-4 max-w-md space-y-2">
        <Label htmlFor="language">{texts.label}</Label>
        <Select
          id="language"
          className="w-full"
          aria-describedby="language-hint"
          value={choice ?? ""}
          onChange={({ target }) => void choose(target.value)}
        >
          <option value="">{texts.browser(LANGUAGES[ofBrowser].name)}</option>
          {LANGUAGE_IDS.filter((language) => language !== PSEUDO || language === t.language).map(
            (language) => (
              <option key={language} value={language} lang={language}>
                {LANGUAGES[language].name}
              </option>
            ),
          )}
        </Select>
        <p id="language-hint" className="text-muted-foreground text-sm">
          {texts.hint}
        </p>
        {isMissing && <Alert>{texts.notLoaded}</Alert>}
      </div>
    </AccountSection>
  );
}
