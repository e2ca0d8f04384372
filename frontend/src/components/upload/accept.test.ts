import { expect, it } from "vitest";
import { POLICY } from "@/lib/upload/testing";
import { acceptAttribute } from "./accept";

it("lets a phone offer videos of any name, and lists each type and extension", () => {
  const accepted = acceptAttribute(POLICY).split(",");
  expect(accepted[0]).toBe("video/*");
  for (const { content_types, extensions } of POLICY.containers)
    expect(accepted).toEqual(expect.arrayContaining([...content_types, ...extensions]));
});
