import { describe, expect, it } from "vitest";
import { toApiError } from "./errors";

const refused = (status: number, headers = {}) => new Response(null, { status, headers });

describe("toApiError", () => {
  it("keeps the code, the sentence and the request id", () => {
    const error = toApiError(refused(413), {
      code: "file_too_large",
      detail: "Choose a smaller file.",
      request_id: "r1",
      limit_bytes: 10,
    });
    expect(error).toMatchObject({
      status: 413,
      code: "file_too_large",
      detail: "Choose a smaller file.",
      requestId: "r1",
      isTransient: false,
    });
  });

  it("replaces sentences that mean little to a person", () => {
    const error = toApiError(refused(403), { code: "csrf_rejected", detail: "Bearer.", request_id: "r3" });
    expect(error.detail).toContain("Open the page at its own address");
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
