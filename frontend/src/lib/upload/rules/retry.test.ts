import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs, decideCall, decidePart } from "./retry";

describe("backoffMs", () => {
  it("is full jitter under a ceiling that doubles from 0.5 s to 30 s", () => {
    const ceilings = [1, 2, 3, 4, 5, 6, 7, 8, 50].map((failures) => backoffMs(failures, () => 1, null));
    expect(ceilings).toEqual([500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
    expect(backoffMs(5, () => 0, null)).toBe(0);
    expect(backoffMs(5, () => 0.25, null)).toBe(2000);
  });

  it("waits at least as long as Retry-After, up to two minutes", () => {
    fc.assert(
      fc.property(
        fc.nat(40),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(100_000),
        (n, r, seconds) => {
          const ms = backoffMs(n, () => r, seconds);
          expect(ms).toBeGreaterThanOrEqual(Math.min(120, seconds) * 1000);
          expect(ms).toBeGreaterThanOrEqual(backoffMs(n, () => r, null));
          expect(ms).toBeLessThanOrEqual(121_000);
        },
      ),
    );
  });
});

it.each([
  [200, null, "sent"],
  [204, null, "sent"],
  [0, null, "retry"],
  [408, null, "retry"],
  [429, null, "retry"],
  [500, "InternalError", "retry"],
  [502, null, "retry"],
  [503, "SlowDown", "retry"],
  [504, null, "retry"],
  [400, "RequestTimeout", "retry"],
  [400, "IncompleteBody", "retry"],
  [400, "BadDigest", "rehash"],
  [400, "InvalidDigest", "rehash"],
  [400, "ExpiredToken", "renew"],
  [403, "AccessDenied", "renew"],
  [403, null, "renew"],
  [404, "NoSuchUpload", "renew"],
  [400, "EntityTooLarge", "refused"],
  [400, null, "refused"],
  [411, null, "refused"],
  [412, null, "refused"],
  [501, "NotImplemented", "refused"],
  [301, null, "refused"],
] as const)("a part answered %i %s: %s", (status, code, action) => {
  expect(decidePart(status, code)).toBe(action);
});

it.each([
  [0, "retry"],
  [401, "sign_in"],
  [403, "fail"],
  [404, "fail"],
  [409, "fail"],
  [408, "retry"],
  [413, "fail"],
  [422, "fail"],
  [429, "retry"],
  [500, "retry"],
  [503, "retry"],
] as const)("an API call answered %i: %s", (status, action) => {
  expect(decideCall(status)).toBe(action);
});
