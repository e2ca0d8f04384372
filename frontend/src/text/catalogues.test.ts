import { describe, expect, it } from "vitest";
import { allEnglish } from "./all-english";
import { de } from "./de";
import type { Words } from "./en";
import { LANGUAGE_IDS, LANGUAGES, type Language } from "./languages";
import { pseudo } from "./pseudo";

type Leaf = string | ((...values: unknown[]) => string);

/** Texts by their path, for example "site.name". */
function leaves(texts: object, path = ""): Map<string, Leaf> {
  return new Map(
    Object.entries(texts).flatMap(([key, value]): [string, Leaf][] =>
      typeof value === "object" ? [...leaves(value, `${path}${key}.`)] : [[`${path}${key}`, value]],
    ),
  );
}

/** Has a text ‹key› for each key. */
const facts = (known: object) =>
  new Proxy(known, { get: (target, key) => Reflect.get(target, key) ?? `‹${String(key)}›` });
const formats = new Proxy({}, { get: (_, name) => (value: unknown) => `‹${String(name)} ${value}›` });

function say(path: string, leaf: Leaf): string {
  if (typeof leaf === "string") return leaf;
  if (path.startsWith("problems.")) return leaf(facts({}));
  if (path.startsWith("failures.")) return leaf(facts({ looksLike: "pdf" }), formats, "‹accepted›");
  return leaf("‹first›", "‹second›", "‹third›");
}

const placeholders = (text: string) => [...text.matchAll(/‹[^‹›]*›/g)].map(([found]) => found).sort();

const ENGLISH_TEXTS = leaves(allEnglish);
const OTHERS = await Promise.all(
  LANGUAGE_IDS.filter((language) => language !== "en").map(
    async (language): Promise<[Language, Words]> => [language, await LANGUAGES[language].load()],
  ),
);

describe.each(OTHERS)("%s", (_, words) => {
  const texts = leaves(words);

  it("has the texts that English has", () => {
    expect([...texts.keys()].sort()).toEqual([...ENGLISH_TEXTS.keys()].sort());
  });

  it.each([...ENGLISH_TEXTS])("names in %s what English names", (path, english) => {
    const text = say(path, texts.get(path) ?? "");
    expect(placeholders(text)).toEqual(placeholders(say(path, english)));
    expect(text).not.toMatch(/undefined|null|NaN|\[object/);
  });
});

/** Texts that are right in both languages. */
const SAME = [
  "Slipway",
  "Video",
  "Name",
  "Name ",
  "Name A–Z",
  "Name Z–A",
  "Format",
  "ID",
  "Slipway ‹first›",
  "‹first› s",
  "‹first›%",
];

it("says nothing in German as in English by mistake", () => {
  const german = leaves(de);
  const same = [...ENGLISH_TEXTS].filter(
    ([path, text]) => say(path, text) === say(path, german.get(path) ?? ""),
  );
  expect(same.map(([path, text]) => say(path, text)).filter((text) => !SAME.includes(text))).toEqual([]);
});

it("addresses people in German with Sie, and has no English word for one that German has", () => {
  for (const [path, leaf] of leaves(de)) {
    expect(say(path, leaf)).not.toMatch(/\b(du|dein\w*|dir|dich)\b/i);
    expect(say(path, leaf)).not.toMatch(
      /\b(upload|download|account|login|file|storage|session|button|okay)/i,
    );
    expect(say(path, leaf)).not.toMatch(/\.\.\.|\S…| - |"/);
  }
});

it("chooses the word by the count", () => {
  expect([1, 2, 0].map((count) => allEnglish.videos.count(count, String(count)))).toEqual([
    "1 video",
    "2 videos",
    "0 videos",
  ]);
  expect([1, 2, 0].map((count) => de.videos.count(count, String(count)))).toEqual([
    "1 Video",
    "2 Videos",
    "0 Videos",
  ]);
  expect([1, 3].map((count) => de.videos.delete.discardTitleOf(count, String(count)))).toEqual([
    "1 unvollständiges Video verwerfen?",
    "3 unvollständige Videos verwerfen?",
  ]);
});

describe("the pseudo-locale", () => {
  it("shows each text in brackets and longer", () => {
    for (const [path, leaf] of leaves(pseudo)) {
      const english = ENGLISH_TEXTS.get(path) ?? "";
      const text = say(path, leaf);
      expect(text).toMatch(/^\[.+ ~+\]$/s);
      expect(text.length).toBeGreaterThan(1.3 * say(path, english).length);
    }
  });

  it("isolates what a sentence names", () => {
    expect(pseudo.videos.delete.buttonOf("شريط.mp4")).toContain("\u2068شريط.mp4\u2069");
    const empty = { kind: "file_empty", name: "شريط.mp4" } as const;
    expect(pseudo.failures.file_empty(empty)).toContain("\u2068شريط.mp4\u2069");
  });
});

it("has another catalogue for each language", async () => {
  const catalogues = await Promise.all(LANGUAGE_IDS.map((language) => LANGUAGES[language].load()));
  const titles = catalogues.map((words) => say("site.titles.login", words.site.titles.login));
  expect(new Set(titles).size).toBe(LANGUAGE_IDS.length);
});
