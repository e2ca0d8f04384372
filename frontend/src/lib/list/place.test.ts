import { expect, it } from "vitest";
import { readPlace } from "./place";

it("reads the place that was remembered", () => {
  const place = { path: "/?q=a&sort=name", row: 240 };
  expect(readPlace(JSON.stringify(place))).toEqual(place);
});

it.each([
  null,
  "",
  "null",
  "7",
  '{"path":"/","row":"7"}',
  '{"path":"//elsewhere.example","row":7}',
  '{"path":"https://elsewhere.example","row":7}',
])("starts at the top of the whole list if storage has %j", (text) => {
  expect(readPlace(text)).toEqual({ path: "/", row: 0 });
});
