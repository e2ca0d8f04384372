// The languages of the page, and how one is picked.
import { en, type Words } from "./en";

interface LanguageFacts {
  /** In the language itself. */
  readonly name: string;
  readonly direction: "ltr" | "rtl";
  /** Formats figures and dates if the browser names no place where the language is spoken. */
  readonly locale: string;
  /** Each page comes with its English texts, because it is exported in English. Other catalogues are fetched. */
  readonly load: () => Promise<Words>;
}

export const LANGUAGES = {
  en: { name: "English", direction: "ltr", locale: "en-GB", load: async () => en },
  de: {
    name: "Deutsch",
    direction: "ltr",
    locale: "de-DE",
    load: async () => (await import("./de")).de,
  },
  // CLDR's pseudo-locale for texts from right to left, by which developers find forgotten texts and wrong margins.
  "ar-XB": {
    name: "Right to left",
    direction: "rtl",
    locale: "en-GB",
    load: async () => (await import("./pseudo")).pseudo,
  },
} as const satisfies Readonly<Record<string, LanguageFacts>>;

export type Language = keyof typeof LANGUAGES;

/** For developers. No browser asks for it by itself. */
export const PSEUDO = "ar-XB" satisfies Language;

export const LANGUAGE_IDS = Object.keys(LANGUAGES) as [Language, ...Language[]];

/** The key of localStorage with the language that the person chose in this browser. */
export const CHOICE_KEY = "slipway-language";

/**
 * Return the chosen language, or else the first that the browser asks for and the page has, or else the first of all.
 * It is also written into the exported pages as a script, so it uses nothing but its arguments.
 */
export function pickLanguage<T extends string>(
  known: readonly [T, ...T[]],
  chosen: string | null,
  wanted: readonly string[],
): T {
  const found = [chosen, ...wanted].map((tag) =>
    known.find((language) => tag === language || tag?.startsWith(`${language}-`)),
  );
  return found.find((language) => language !== undefined) ?? known[0];
}

/** Return the place whose figures and dates the browser asks for in this language, for example "en-US". */
export function pickLocale(language: Language, wanted: readonly string[]): string {
  const { locale } = LANGUAGES[language];
  const spoken = new Intl.Locale(locale).language;
  return wanted.find((tag) => tag === spoken || tag.startsWith(`${spoken}-`)) ?? locale;
}
