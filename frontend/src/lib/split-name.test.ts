import { expect, it } from "vitest";
import { splitName } from "./split-name";

it.each([
  ["short.mp4", "short.mp4", ""],
  ["holiday-in-the-mountains-part-2.mp4", "holiday-in-the-mountain", "s-part-2.mp4"],
  [`${"👩‍👩‍👧".repeat(30)}.mp4`, "👩‍👩‍👧".repeat(22), `${"👩‍👩‍👧".repeat(8)}.mp4`],
  [`${"a".repeat(30)}e\u0301${"b".repeat(11)}`, "a".repeat(30), `e\u0301${"b".repeat(11)}`],
])("%s", (name, start, end) => {
  expect(splitName(name)).toEqual([start, end]);
});
