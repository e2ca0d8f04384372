// English texts in brackets and longer, for a page from right to left. A text without brackets is in no catalogue.
import { type AllWords, allEnglish } from "./all-english";

// As much longer as texts of other languages may be.
const LENGTHENING = 0.35;
const WORD = " ~~~~";

/** "Sign in" -> "[Sign in ~~~~]". */
function disguise(text: string): string {
  return `[${text}${WORD.repeat(Math.ceil((text.length * LENGTHENING) / WORD.length))}]`;
}

/** A name keeps its own direction inside a sentence (Unicode, first strong isolate). */
function isolate(value: unknown): unknown {
  if (typeof value === "string") return `\u2068${value}\u2069`;
  return value instanceof Object && "name" in value ? { ...value, name: isolate(value.name) } : value;
}

function disguiseAll(texts: unknown): unknown {
  if (typeof texts === "string") return disguise(texts);
  if (typeof texts === "function") return (...values: unknown[]) => disguise(texts(...values.map(isolate)));
  return Object.fromEntries(Object.entries(texts as object).map(([key, value]) => [key, disguiseAll(value)]));
}

export const pseudo = disguiseAll(allEnglish) as AllWords;
