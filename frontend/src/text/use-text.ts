// Gives components the texts in the language of the person.
"use client";

import { ENGLISH, type Text } from "./text";

export function useText(): Text {
  return ENGLISH;
}
