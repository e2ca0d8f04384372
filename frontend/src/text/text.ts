// The words of a language together with the formats of a place.
import { type Format, makeFormat } from "@/lib/format";
import { en, type Words } from "./en";
import type { Language } from "./languages";

/** What a component needs to say something: its words, and `format` for figures and dates. */
export interface Text extends Omit<Words, "format"> {
  readonly language: Language;
  readonly format: Format;
}

/** `locale` decides about separators, dates and the clock of 12 or 24 hours. */
export function makeText({ format, ...words }: Words, language: Language, locale: string): Text {
  return { ...words, language, format: makeFormat(locale, format) };
}

/** The exported pages are in English. */
export const ENGLISH: Text = makeText(en, "en", "en-GB");
