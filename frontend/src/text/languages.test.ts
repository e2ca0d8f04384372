import { afterEach, describe, expect, it, vi } from "vitest";
import { LANGUAGE_SCRIPT } from "./language-script";
import { CHOICE_KEY, LANGUAGE_IDS, LANGUAGES, pickLanguage, pickLocale } from "./languages";

const CASES: readonly (readonly [chosen: string | null, wanted: readonly string[], language: string])[] = [
  [null, ["en-US"], "en"],
  [null, ["de"], "de"],
  [null, ["de-AT", "en"], "de"],
  [null, ["fr-FR", "de", "en"], "de"],
  [null, ["en-GB", "de"], "en"],
  [null, ["fr-FR"], "en"],
  [null, [], "en"],
  [null, ["den"], "en"],
  ["de", ["en-US"], "de"],
  ["en", ["de-DE"], "en"],
  ["tlh", ["de-DE"], "de"],
  // The pseudo-locale is no Arabic.
  [null, ["ar", "ar-EG"], "en"],
  [null, ["ar-XB"], "ar-XB"],
  ["ar-XB", ["de"], "ar-XB"],
];

describe.each(CASES)("with choice %s and browser languages %j", (chosen, wanted, language) => {
  afterEach(() => void vi.unstubAllGlobals());

  it(`the page is in ${language}`, () => {
    expect(pickLanguage(LANGUAGE_IDS, chosen, wanted)).toBe(language);
  });

  it("the script of the exported page finds the same", () => {
    const root = { lang: "en", dir: "ltr", dataset: {} as DOMStringMap };
    const { fallback } = run(root, chosen, wanted);
    const { direction } = LANGUAGES[pickLanguage(LANGUAGE_IDS, chosen, wanted)];
    expect(root).toEqual({
      lang: language,
      dir: direction,
      dataset: language === "en" ? {} : { awaits: "language" },
    });
    // The page's scripts never came.
    fallback();
    expect(root).toEqual({ lang: "en", dir: "ltr", dataset: {} });
  });
});

it("keeps the language if the page's scripts have shown its texts", () => {
  const root = { lang: "en", dir: "ltr", dataset: {} as DOMStringMap };
  const { fallback } = run(root, "de", []);
  delete root.dataset.awaits;
  fallback();
  expect(root.lang).toBe("de");
  vi.unstubAllGlobals();
});

it("follows the browser where it keeps nothing for the site", () => {
  const root = { lang: "en", dir: "ltr", dataset: {} };
  run(root, new Error("denied"), ["de"]);
  expect(root.lang).toBe("de");
  vi.unstubAllGlobals();
});

function run(root: object, chosen: string | null | Error, wanted: readonly string[]) {
  let fallback = () => {};
  vi.stubGlobal("document", { documentElement: root });
  vi.stubGlobal("navigator", { languages: wanted });
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => {
      if (chosen instanceof Error) throw chosen;
      return key === CHOICE_KEY ? chosen : null;
    },
  });
  vi.stubGlobal("setTimeout", (later: () => void) => {
    fallback = later;
  });
  // biome-ignore lint/security/noGlobalEval: it is a script of the page.
  // biome-ignore lint/complexity/noCommaOperator: an indirect eval sees the globals alone.
  (0, eval)(LANGUAGE_SCRIPT);
  return { fallback: () => fallback() };
}

it.each([
  ["en", ["en-US", "de-DE"], "en-US"],
  ["en", ["de-DE", "en-IE"], "en-IE"],
  ["en", ["fr-FR"], "en-GB"],
  ["de", ["de-AT"], "de-AT"],
  ["de", ["en-US"], "de-DE"],
  ["ar-XB", ["ar-XB", "en-US"], "en-US"],
] as const)("formats %s for a browser with %j as %s", (language, wanted, locale) => {
  expect(pickLocale(language, wanted)).toBe(locale);
});
