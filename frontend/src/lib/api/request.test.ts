import { afterEach, expect, it, vi } from "vitest";
import { request } from "./request";

afterEach(() => vi.unstubAllGlobals());

function answering(...answers: (Response | Error)[]) {
  const asked = vi.fn((_address: string, _init: RequestInit) => {
    const next = answers.shift();
    return next instanceof Response ? Promise.resolve(next) : Promise.reject(next);
  });
  vi.stubGlobal("fetch", asked);
  return asked;
}

const VIDEO = "/api/v1/videos/{video_id}";

it("writes path and parameters into the address, a list as the same name several times", async () => {
  const asked = answering(Response.json({ items: [] }), new Response(null, { status: 204 }));
  await request("get", "/api/v1/videos", { query: { q: "a&b", status: ["ready", "failed"], limit: 1 } });
  await request("delete", VIDEO, { path: { video_id: "a/b" } });
  expect(asked.mock.calls.map(([address, { method }]) => `${method} ${address}`)).toEqual([
    "GET /api/v1/videos?q=a%26b&status=ready&status=failed&limit=1",
    "DELETE /api/v1/videos/a%2Fb",
  ]);
});

it("returns the answer, and nothing for 204", async () => {
  answering(Response.json({ id: "v" }), new Response(null, { status: 204 }));
  expect(await request("get", VIDEO, { path: { video_id: "v" } })).toEqual({ id: "v" });
  expect(await request("post", "/api/v1/auth/logout")).toBeUndefined();
});

it.each([
  ["a refusal", Response.json({ code: "video_not_found", detail: "x" }, { status: 404 }), "video_not_found"],
  ["an error page", new Response("<html>", { status: 502 }), "unreadable_answer"],
  ["a page of a captive portal", new Response("<html>"), "network"],
  ["no connection", new TypeError("Failed to fetch"), "network"],
])("throws an ApiError after %s", async (_, answer, code) => {
  answering(answer);
  await expect(request("get", VIDEO, { path: { video_id: "v" } })).rejects.toMatchObject({ code });
});

it("passes on that the page itself cancelled", async () => {
  answering(new DOMException("left", "AbortError"));
  const asking = request("get", "/api/v1/upload-policy");
  await expect(asking).rejects.toMatchObject({ name: "AbortError" });
});

it("asks once more with the present cookie", async () => {
  const unknown = () => Response.json({ code: "not_authenticated", detail: "x" }, { status: 401 });
  const asked = answering(unknown(), Response.json({ id: "v" }), unknown(), unknown());
  expect(await request("get", VIDEO, { path: { video_id: "v" } })).toEqual({ id: "v" });
  await expect(request("get", "/api/v1/auth/me")).rejects.toMatchObject({ code: "not_authenticated" });
  expect(asked).toHaveBeenCalledTimes(4);
});
