import { getEventListeners } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiFailure } from "../rules/errors";
import { UploadLog } from "../upload-log";
import { createFetchApi } from "./fetch-api";

const TELEMETRY = new UploadLog(0, 5, ".mp4").telemetry(1, "done", null);
const CREATE = { filename: "a.mp4", size_bytes: 5, content_type: "video/mp4" };

function answering(response: Response) {
  const fetcher = vi.fn<typeof fetch>(async () => response);
  return { fetcher, api: createFetchApi(fetcher) };
}

function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers });
}

async function failureOf(promise: Promise<unknown>): Promise<ApiFailure> {
  const reason = await promise.then(
    () => null,
    (rejected: unknown) => rejected,
  );
  if (!(reason instanceof ApiFailure)) throw new Error("expected an ApiFailure");
  return reason;
}

describe("the calls", () => {
  it("go to the contract's addresses with its bodies and headers", async () => {
    const { signal } = new AbortController();
    const seen: unknown[] = [];
    const api = createFetchApi(async (url, init) => {
      seen.push([
        url,
        init?.method,
        init?.credentials,
        init?.keepalive,
        new Headers(init?.headers).get("Idempotency-Key"),
        init?.body ?? null,
      ]);
      return init?.method === "DELETE" ? new Response(null, { status: 204 }) : json(200, {});
    });
    await api.create(CREATE, "key", signal);
    await api.sign("v1", [1, 2], signal);
    await api.complete("v1", [{ part_number: 1, md5: "00" }], signal);
    await api.remove("v1", signal);
    api.removeOnUnload("v1");
    api.report(TELEMETRY);
    expect(seen).toEqual([
      ["/api/v1/videos", "POST", "same-origin", false, "key", JSON.stringify(CREATE)],
      ["/api/v1/videos/v1/parts", "POST", "same-origin", false, null, '{"part_numbers":[1,2]}'],
      [
        "/api/v1/videos/v1/complete",
        "POST",
        "same-origin",
        false,
        null,
        '{"parts":[{"part_number":1,"md5":"00"}]}',
      ],
      ["/api/v1/videos/v1", "DELETE", "same-origin", true, null, null],
      ["/api/v1/videos/v1", "DELETE", "same-origin", true, null, null],
      ["/api/v1/upload-telemetry", "POST", "same-origin", true, null, JSON.stringify(TELEMETRY)],
    ]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});

describe("a refusal", () => {
  it("carries code, sentence, request id, Retry-After and facts", async () => {
    const body = {
      code: "parts_incomplete",
      detail: "Send again.",
      request_id: "r1",
      missing: [1],
      mismatched: [],
    };
    const { api } = answering(json(409, body, { "Retry-After": "7" }));
    expect(await failureOf(api.complete("v1", [], new AbortController().signal))).toMatchObject({
      status: 409,
      code: "parts_incomplete",
      retryAfterSeconds: 7,
      facts: { detail: "Send again.", request_id: "r1", missing: [1], mismatched: [] },
    });
  });

  it("is read from a proxy's page too", async () => {
    const page = new Response("<html>Bad gateway</html>", { status: 502, headers: { "X-Request-Id": "r2" } });
    expect(await failureOf(answering(page).api.sign("v1", [1], new AbortController().signal))).toMatchObject({
      status: 502,
      code: "unreadable_answer",
      facts: { request_id: "r2" },
    });
  });

  it("of a captive portal, with status 200, is no answer of ours", async () => {
    const page = new Response("<html>Welcome to the hotel</html>");
    expect(await failureOf(answering(page).api.sign("v1", [1], new AbortController().signal))).toMatchObject({
      status: 0,
      code: "unreadable_answer",
    });
  });
});

describe("no answer", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  const silent = (_: unknown, init?: RequestInit) =>
    new Promise<Response>((_resolve, reject) => {
      init?.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    });

  it("is a network failure", async () => {
    const api = createFetchApi(async () => {
      throw new TypeError("Failed to fetch");
    });
    const failure = await failureOf(api.create(CREATE, "key", new AbortController().signal));
    expect(failure).toMatchObject({ status: 0, code: "network" });
  });

  it("ends in a timeout", async () => {
    vi.useFakeTimers();
    const failure = failureOf(createFetchApi(silent).create(CREATE, "key", new AbortController().signal));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await failure).toMatchObject({ status: 0, code: "timeout" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends with the caller's signal", async () => {
    const controller = new AbortController();
    const failure = failureOf(createFetchApi(silent).create(CREATE, "key", controller.signal));
    controller.abort();
    expect(await failure).toMatchObject({ status: 0, code: "network" });
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });

  it("of the last DELETE has nobody to hear it", async () => {
    const api = createFetchApi(async () => {
      throw new TypeError("Failed to fetch");
    });
    expect(() => api.removeOnUnload("v1")).not.toThrow();
  });
});
