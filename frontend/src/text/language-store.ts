// Holds the texts that the page shows. They change when the catalogue of another language has arrived.
import { CHOICE_KEY, LANGUAGE_IDS, LANGUAGES, type Language, pickLanguage, pickLocale } from "./languages";
import { ENGLISH, makeText, type Text } from "./text";

export interface Shown {
  readonly text: Text;
  /** What the person chose in this browser. Null is the language of the browser. */
  readonly choice: Language | null;
  /** Whether another language is on its way, so that these texts stay hidden. */
  readonly isAwaited: boolean;
}

/** What the exported pages show. */
export const EXPORTED: Shown = { text: ENGLISH, choice: null, isAwaited: true };

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
  // Another choice may have been faster.
  if (!(await show(choice))) return;
  try {
    if (choice === null) localStorage.removeItem(CHOICE_KEY);
    else localStorage.setItem(CHOICE_KEY, choice);
  } catch {
    // The choice holds until the page is left.
  }
}

let asked = 0;

/** Return whether it is still the last choice. */
async function show(choice: Language | null): Promise<boolean> {
  asked += 1;
  const turn = asked;
  const language = pickLanguage(LANGUAGE_IDS, choice, navigator.languages);
  const words = await LANGUAGES[language].load();
  if (turn !== asked) return false;
  set(makeText(words, language, pickLocale(language, navigator.languages)), choice);
  return true;
}

function set(text: Text, choice: Language | null): void {
  shown = { text, choice, isAwaited: false };
  for (const listener of listeners) listener();
}

if (typeof document !== "undefined") {
  // Without the other catalogue the page stays in English.
  show(storedChoice()).catch(() => set(ENGLISH, storedChoice()));
  addEventListener("storage", ({ key }) => {
    if (key === CHOICE_KEY) show(storedChoice()).catch(() => {});
  });
}
