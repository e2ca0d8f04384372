import { describe, expect, it } from "vitest";
import { toApiError } from "./errors";

const refused = (status: number, headers = {}) => new Response(null, { status, headers });

describe("toApiError", () => {
  it("keeps the code, the facts and the request id", () => {
    const error = toApiError(refused(413), {
      code: "file_too_large",
      detail: "Choose a smaller file.",
      request_id: "r1",
      limit_bytes: 10,
    });
    expect(error).toMatchObject({
      status: 413,
      code: "file_too_large",
      requestId: "r1",
      facts: { limit_bytes: 10 },
      isTransient: false,
    });
  });

  it("passes on when to try again, and does not try before", () => {
    const detail = "Too many requests. Try again in 40 seconds.";
    const error = toApiError(refused(429, { "Retry-After": "40" }), {
      code: "rate_limited",
      detail,
      request_id: "r4",
    });
    expect(error).toMatchObject({ code: "rate_limited", retryAfterSeconds: 40, isTransient: false });
  });

  it.each([
    [undefined],
    ["<html>"],
    [null],
    [{ code: "nobody_knows", detail: "x" }],
    [{ code: "not_found" }],
  ])("refuses another shape: %j", (body) => {
    const error = toApiError(refused(502, { "X-Request-Id": "r2" }), body);
    expect(error).toMatchObject({
      status: 502,
      code: "unreadable_answer",
      requestId: "r2",
      isTransient: true,
    });
  });
});
