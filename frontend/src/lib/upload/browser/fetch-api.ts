// Calls the upload API with fetch and a time limit.
import { withPresentCookie } from "../../present-cookie";
import { publicAddress } from "../../public-path";
import { linkedController } from "../delays";
import type { CreatedUpload, SignedParts, UploadApi } from "../ports";
import { ApiFailure, type ErrorFacts } from "../rules/errors";
import type { Video } from "../types";

const CALL_LIMIT_MS = 20_000;
/** The server answers complete within 10 s, with 202 if the store needs longer. */
const COMPLETE_LIMIT_MS = 45_000;
const API = publicAddress("/api/v1/");

interface ErrorBody extends ErrorFacts {
  readonly code?: string;
}

export function createFetchApi(fetcher: typeof fetch = (...args) => fetch(...args)): UploadApi {
  /** Without a body it is a DELETE. If a cancel is followed by closing the tab, that must still arrive. */
  const send = (path: string, body: unknown, { headers, ...init }: RequestInit) =>
    fetcher(API + path, {
      method: body === undefined ? "DELETE" : "POST",
      credentials: "same-origin",
      keepalive: body === undefined,
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
      ...init,
    });

  async function call<T>(
    path: string,
    parent: AbortSignal,
    body?: unknown,
    headers: Record<string, string> = {},
    limitMs = CALL_LIMIT_MS,
  ): Promise<T> {
    const controller = linkedController(parent);
    const { signal } = controller;
    const timer = setTimeout(() => controller.abort(), limitMs);
    try {
      const response = await withPresentCookie(() => send(path, body, { signal, headers }));
      const answer = parsed(await response.text());
      if (!response.ok) throw failureOf(response, answer);
      // A captive portal answers 200 with a page of its own. Another attempt may reach the API.
      if (answer === null && response.status !== 204) throw new ApiFailure(0, "unreadable_answer");
      return answer as T; // the API's tests compare it with schema.d.ts
    } catch (reason) {
      if (reason instanceof ApiFailure) throw reason;
      // The connection broke, the call took too long, or the caller aborted it.
      throw new ApiFailure(0, signal.aborted && !parent.aborted ? "timeout" : "network");
    } finally {
      clearTimeout(timer);
      controller.abort();
    }
  }

  /** `keepalive` outlives the page, where nothing waits for the answer. */
  function sendLast(path: string, body?: unknown): void {
    send(path, body, { keepalive: true }).catch(() => undefined);
  }

  return {
    create: (request, idempotencyKey, signal) =>
      call<CreatedUpload>("videos", signal, request, { "Idempotency-Key": idempotencyKey }),
    sign: (videoId, partNumbers, signal) =>
      call<SignedParts>(`videos/${videoId}/parts`, signal, { part_numbers: partNumbers }),
    complete: (videoId, md5s, signal) =>
      call<Video>(`videos/${videoId}/complete`, signal, { parts: md5s }, {}, COMPLETE_LIMIT_MS),
    remove: (videoId, signal) => call<void>(`videos/${videoId}`, signal),
    health: (signal) =>
      fetcher(`${API}health/ready`, { signal }).then(
        ({ status }) => status,
        () => 0,
      ),
    removeOnUnload: (videoId) => sendLast(`videos/${videoId}`),
    report: (telemetry) => sendLast("upload-telemetry", telemetry),
  };
}

function failureOf({ headers, status }: Response, body: ErrorBody | null): ApiFailure {
  const seconds = Number.parseFloat(headers.get("Retry-After") ?? "");
  const retryAfterSeconds = seconds >= 0 ? seconds : null;
  const { code = "unreadable_answer", ...facts } = typeof body?.code === "string" ? body : {};
  return new ApiFailure(
    status,
    code,
    { request_id: headers.get("X-Request-Id"), ...facts },
    retryAfterSeconds,
  );
}

/** Returns null if the text is no JSON object. */
function parsed(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}
