// Chooses the form of a word that a count needs.

type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { readonly other: string };

/** Return a chooser for a language, for example `pluralWords("en")({ one: "file", other: "files" })(2)` -> "files". */
export function pluralWords(language: string): (forms: Forms) => (count: number) => string {
  const rules = new Intl.PluralRules(language);
  return (forms) => (count) => forms[rules.select(count)] ?? forms.other;
}
