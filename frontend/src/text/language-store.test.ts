import { afterEach, expect, it, vi } from "vitest";
import { CHOICE_KEY } from "./languages";

/** Of a hung test. A busy machine takes seconds to compile a catalogue, and the default is one. */
const LIMIT = { timeout: 300_000 };

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

/** Return the store of a page that is just being loaded. */
async function load(wanted: readonly string[], kept: Map<string, string> = new Map()) {
  const heard = new Map<string, (event: { key: string | null }) => void>();
  vi.stubGlobal("document", {});
  vi.stubGlobal("navigator", { languages: wanted });
  vi.stubGlobal("addEventListener", heard.set.bind(heard));
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
  const store = await import("./language-store");
  const language = () => store.whatIsShown().text.language;
  return { ...store, language, otherTab: () => heard.get("storage")?.({ key: CHOICE_KEY }) };
}

it("shows the browser's language once its texts are there, and tells so", async () => {
  const { whatIsShown, subscribe, language } = await load(["de-AT", "en"]);
  expect(whatIsShown()).toMatchObject({ isAwaited: true, text: { language: "en" } });
  const told = vi.fn();
  subscribe(told);
  await vi.waitFor(() => expect(whatIsShown().isAwaited).toBe(false), LIMIT);
  expect(language()).toBe("de");
  expect(told).toHaveBeenCalledOnce();
});

it("keeps the choice in the browser, until it is the browser's again", async () => {
  const kept = new Map<string, string>();
  const { chooseLanguage, storedChoice, language } = await load(["en-US"], kept);
  await chooseLanguage("de");
  expect([language(), storedChoice(), [...kept]]).toEqual(["de", "de", [[CHOICE_KEY, "de"]]]);
  await chooseLanguage(null);
  expect([language(), storedChoice(), [...kept]]).toEqual(["en", null, []]);
});

it("shows the last of two choices, whichever comes first", async () => {
  const { chooseLanguage, storedChoice, language } = await load(["en-US"]);
  await Promise.all([chooseLanguage("de"), chooseLanguage("en")]);
  expect([language(), storedChoice()]).toEqual(["en", "en"]);
});

it("follows a choice in another tab", async () => {
  const kept = new Map<string, string>();
  const { whatIsShown, language, otherTab } = await load(["en-US"], kept);
  kept.set(CHOICE_KEY, "de");
  otherTab();
  await vi.waitFor(() => expect(language()).toBe("de"), LIMIT);
  expect(whatIsShown().choice).toBe("de");
});

it("works where the browser keeps nothing", async () => {
  const { chooseLanguage, storedChoice, language } = await load(["de"]);
  vi.stubGlobal("localStorage", undefined);
  expect(storedChoice()).toBeNull();
  await chooseLanguage("en");
  expect(language()).toBe("en");
});
