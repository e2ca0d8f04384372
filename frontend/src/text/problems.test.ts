import { describe, expect, it } from "vitest";
import { waitingSentence } from "@/components/upload/upload-announcement";
import { ApiFailure, fromApi } from "@/lib/upload/rules/errors";
import { isTransient } from "@/lib/upload/rules/retry";
import type { RetryCause } from "@/lib/upload/types";
import openapi from "../../../openapi.json";
import { ALL_ENGLISH } from "./all-english";
import { failureText } from "./failure-text";
import { API_CODES, PLACES, problemOf } from "./problems";

const CONTRACT = openapi.components.schemas.ErrorOut.properties.code.enum;
const STATUSES: Readonly<Record<string, number>> = {
  database_unavailable: 503,
  internal_error: 500,
  overloaded: 503,
  rate_limited: 429,
  storage_unavailable: 503,
};
const refusal = (code: string) => ({ code, status: 409, facts: {}, retryAfterSeconds: null });

/** What only the author of an API client understands. */
const FOR_DEVELOPERS =
  /idempotency|bearer|csrf|json|header|method|request's body|named parts|MAX_|APP_ORIGINS|undefined|null|NaN|_/i;

it("has a row for each code of the contract, and for no answer", () => {
  expect([...API_CODES].sort()).toEqual([...CONTRACT, "network", "unreadable_answer"].sort());
});

describe.each(PLACES)("in the place %s", (place) => {
  it.each(API_CODES)("%s has a sentence for people", (code) => {
    const { sentence } = problemOf(ALL_ENGLISH, refusal(code), place);
    expect(sentence).toMatch(/^[A-Z].+[.?]$/);
    expect(sentence).not.toMatch(FOR_DEVELOPERS);
  });

  it("a code of a newer server has a sentence too", () => {
    expect(problemOf(ALL_ENGLISH, refusal("nobody_knows"), place).sentence).toContain("409");
  });
});

describe("an upload", () => {
  it.each(CONTRACT)("that ends with %s says so", (code) => {
    const failure = fromApi(new ApiFailure(STATUSES[code] ?? 409, code));
    for (const place of ["create", "send"] as const) {
      const sentence = failureText(ALL_ENGLISH, failure.reason, place);
      expect(sentence).not.toMatch(FOR_DEVELOPERS);
      expect(sentence).not.toMatch(/connection/i);
    }
    expect(failure.retryable).toBe(
      code in STATUSES ||
        ["retry", "make_room"].includes(problemOf(ALL_ENGLISH, refusal(code), "create").action),
    );
  });

  it.each(CONTRACT.filter((code) => isTransient(STATUSES[code] ?? 409)))(
    "that waits because of %s does not blame the connection",
    (code) => {
      const cause = code as RetryCause;
      const said = waitingSentence(ALL_ENGLISH, { reason: "retrying", attempt: 2, resumesInMs: 0, cause });
      expect(said).not.toMatch(/connection/);
      expect(said).toMatch(/keeps trying\.$/);
    },
  );
});

it("names what the API's facts say", () => {
  const full = { ...refusal("quota_exceeded"), facts: { used_bytes: 1024, quota_bytes: 2048 } };
  expect(problemOf(ALL_ENGLISH, full, "create").sentence).toContain("You use 1 KiB of 2 KiB.");
  const later = { ...refusal("rate_limited"), retryAfterSeconds: 120 };
  expect(problemOf(ALL_ENGLISH, later, "list").sentence).toBe("Too many requests. Try again in 2 minutes.");
});

it("tells a deleted video from a silent server while it is followed", () => {
  expect(problemOf(ALL_ENGLISH, refusal("video_not_found"), "follow")).toEqual({
    sentence: "This video was deleted.",
    action: "leave",
  });
  expect(problemOf(ALL_ENGLISH, refusal("network"), "follow").action).toBe("retry");
});
