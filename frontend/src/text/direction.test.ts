import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const SOURCES = new URL("..", import.meta.url);
// Utilities of Tailwind that name a side of the screen.
const SIDES =
  /(?<![\w-])-?(?:(?:m[lr]|p[lr]|left|right|border-[lr]|rounded-[lr])-[\d.[a]|text-(?:left|right)\b)/;

it("lays the page out by start and end, or says what it does from right to left", () => {
  const names = readdirSync(SOURCES, { recursive: true, encoding: "utf8" });
  const lines = names
    .filter((name) => name.endsWith(".tsx"))
    .flatMap((name) => readFileSync(new URL(name, SOURCES), "utf8").split("\n"));
  expect(lines.filter((line) => SIDES.test(line) && !line.includes("rtl:"))).toEqual([]);
  expect(lines.filter((line) => SIDES.test(line))).not.toEqual([]);
});
