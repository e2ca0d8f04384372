// The words of a language together with the formats of a place.
import { type Format, makeFormat } from "@/lib/format";
import { en, type Words } from "./en";
import type { Language } from "./languages";

type Formatted<W extends Words> = Omit<W, "format"> & {
  readonly language: Language;
  readonly format: Format;
};

/** What a component needs to say something: its words, and `format` for figures and dates. */
export type Text = Formatted<Words>;

/** `locale` decides about separators, dates and the clock of 12 or 24 hours. */
export function makeText<W extends Words>(
  { format, ...words }: W,
  language: Language,
  locale: string,
): Formatted<W> {
  return { ...words, language, format: makeFormat(locale, format) };
}

/** The exported pages are in English. */
export const ENGLISH: Text = makeText(en, "en", "en-GB");

/**
 * Return a function that completes texts with the words of some pages. English has them with the code of those pages.
 * Every other language brings all words.
 */
export function completer<W extends object>(english: W): (t: Text) => Text & W {
  // Whoever asks again gets the same object, so that no effect runs anew.
  const completed = new WeakMap<Text, Text & W>();
  return (t) => {
    const known = completed.get(t);
    if (known !== undefined) return known;
    const text = { ...english, ...t };
    completed.set(t, text);
    return text;
  };
}
