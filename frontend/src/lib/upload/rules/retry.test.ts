import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs, judgeCall, judgePart } from "./retry";

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
  [0, null, "again"],
  [408, null, "again"],
  [429, null, "again"],
  [500, "InternalError", "again"],
  [502, null, "again"],
  [503, "SlowDown", "again"],
  [504, null, "again"],
  [400, "RequestTimeout", "again"],
  [400, "IncompleteBody", "again"],
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
] as const)("a part answered %i %s is: %s", (status, code, verdict) => {
  expect(judgePart(status, code)).toBe(verdict);
});

it.each([
  [0, "again"],
  [401, "sign_in"],
  [403, "final"],
  [404, "final"],
  [409, "final"],
  [408, "again"],
  [413, "final"],
  [422, "final"],
  [429, "again"],
  [500, "again"],
  [503, "again"],
] as const)("an API call answered %i is: %s", (status, verdict) => {
  expect(judgeCall(status)).toBe(verdict);
});
