import { expect, it } from "vitest";
import { withChoice } from "./selection";

it.each([
  ["a click chooses", "", "b", null, "b"],
  ["a second click takes it back", "ab", "b", null, "a"],
  ["a range downwards", "b", "d", "b", "bcd"],
  ["a range upwards", "d", "b", "d", "bcd"],
  ["a range that is taken back", "abcd", "d", "b", "a"],
  ["a range from a video that left the list", "x", "c", "x", "cx"],
])("%s", (_, before, id, from, after) => {
  const chosen = withChoice(new Set(before), ["a", "b", "c", "d", "e"], id, from);
  expect([...chosen].sort().join("")).toBe(after);
});
