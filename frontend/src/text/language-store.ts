// Holds the texts that the page shows. They change when the catalogue of another language has arrived.
import { CHOICE_KEY, LANGUAGE_IDS, LANGUAGES, type Language, pickLanguage, pickLocale } from "./languages";
import { ENGLISH, makeText, type Text } from "./text";

export interface Shown {
  readonly text: Text;
  /** Whether another language is on its way, so that these texts stay hidden. */
  readonly isAwaited: boolean;
}

/** What the exported pages show. */
export const EXPORTED: Shown = { text: ENGLISH, isAwaited: true };

let shown = EXPORTED;
const listeners = new Set<() => void>();

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function whatIsShown(): Shown {
  return shown;
}

/** Return the language that the person chose in this browser, or null. */
export function storedChoice(): Language | null {
  try {
    const stored = localStorage.getItem(CHOICE_KEY);
    return LANGUAGE_IDS.find((known) => known === stored) ?? null;
  } catch {
    // The browser keeps nothing for this site.
    return null;
  }
}

/** Show the page in this language, and in this browser from now on. Null is that of the browser. */
export async function chooseLanguage(choice: Language | null): Promise<void> {
  await show(choice);
  try {
    if (choice === null) localStorage.removeItem(CHOICE_KEY);
    else localStorage.setItem(CHOICE_KEY, choice);
  } catch {
    // The choice holds until the page is left.
  }
}

let asked: Language | null = null;

async function show(choice: Language | null): Promise<void> {
  const language = pickLanguage(LANGUAGE_IDS, choice, navigator.languages);
  asked = language;
  const words = await LANGUAGES[language].load();
  // Another choice may have been faster.
  if (asked === language) set(makeText(words, language, pickLocale(language, navigator.languages)));
}

function set(text: Text): void {
  shown = { text, isAwaited: false };
  for (const listener of listeners) listener();
}

if (typeof document !== "undefined") {
  // Without the other catalogue the page stays in English.
  show(storedChoice()).catch(() => set(ENGLISH));
  addEventListener("storage", ({ key }) => {
    if (key === CHOICE_KEY) show(storedChoice()).catch(() => {});
  });
}
