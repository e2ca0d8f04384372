import { expect, it, vi } from "vitest";
import { withPresentCookie } from "./present-cookie";

function answering(...answers: [number, string?][]) {
  const send = vi.fn<() => Promise<Response>>();
  for (const [status, code] of answers)
    send.mockResolvedValueOnce(new Response(code === undefined ? "" : JSON.stringify({ code }), { status }));
  return send;
}

it("sends a request again whose session is unknown", async () => {
  const send = answering([401, "not_authenticated"], [200]);
  expect((await withPresentCookie(send)).status).toBe(200);
});

it("sends it once more only", async () => {
  const send = answering([401, "not_authenticated"], [401, "not_authenticated"]);
  const answer = await withPresentCookie(send);
  expect(await answer.json()).toEqual({ code: "not_authenticated" });
  expect(send).toHaveBeenCalledTimes(2);
});

it.each([
  [401, "invalid_credentials"] as const,
  [401, undefined] as const,
  [403, "not_authenticated"] as const,
])("leaves %s %s alone", async (status, code) => {
  const send = answering([status, code]);
  expect((await withPresentCookie(send)).status).toBe(status);
  expect(send).toHaveBeenCalledTimes(1);
});
