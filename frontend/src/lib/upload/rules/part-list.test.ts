import { expect, it } from "vitest";
import { type Part, PartList } from "./part-list";

const PART = 8 * 1024 * 1024;

it("counts the answers of all parts that shared the link with the first late one", () => {
  const list = new PartList(6 * PART, PART);
  const [first, late, ...inTime] = list.parts as [Part, Part, ...Part[]];
  list.timeAnswer(first, 0, 10_000, 10_500);
  for (const part of inTime) list.timeAnswer(part, 11_000, 27_000, 27_500);
  expect(list.answerRate).toBeNull();

  list.timeAnswer(late, 11_000, 18_000, 31_000);

  expect(list.isBuffered).toBe(true);
  expect(list.answerRate).toBe((5 * PART) / 20);
});
