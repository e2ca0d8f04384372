// Sets language and direction of an exported page before its first paint.
import { CHOICE_KEY, LANGUAGE_IDS, LANGUAGES, pickLanguage } from "./languages";

/** After this time the English texts are shown, if the page's scripts have not shown others. */
const PATIENCE_MS = 3000;

type Directions = Readonly<Record<string, string>>;

/** It runs as a script of its own, so it uses nothing but its arguments. */
function begin(pick: typeof pickLanguage, known: [string], directions: Directions, key: string, ms: number) {
  const root = document.documentElement;
  const speak = (language: string) => {
    root.lang = language;
    root.dir = directions[language] ?? "ltr";
  };
  let chosen: string | null = null;
  try {
    chosen = localStorage.getItem(key);
  } catch {
    // The browser keeps nothing for this site.
  }
  const language = pick(known, chosen, navigator.languages);
  if (language === known[0]) return;
  speak(language);
  // globals.css hides the English texts for so long.
  root.dataset.awaits = "language";
  setTimeout(() => {
    if (root.dataset.awaits === undefined) return;
    speak(known[0]);
    delete root.dataset.awaits;
  }, ms);
}

const directions = Object.fromEntries(LANGUAGE_IDS.map((id) => [id, LANGUAGES[id].direction]));
const known = [LANGUAGE_IDS, directions, CHOICE_KEY, PATIENCE_MS].map((value) => JSON.stringify(value));

export const LANGUAGE_SCRIPT = `(${begin})(${pickLanguage},${known})`;
