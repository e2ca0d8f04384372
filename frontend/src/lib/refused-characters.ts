/** What the API refuses in a name and in a search: control characters, lone surrogates and line separators. */
export const REFUSED_CHARACTERS = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]+/gu;
