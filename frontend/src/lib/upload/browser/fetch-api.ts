// The upload conversation over fetch: same origin, JSON, the session cookie, and no call without a time limit.
import { linkedController } from "../delays";
import type { CreatedUpload, SignedParts, UploadApi } from "../ports";
import { ApiFailure } from "../rules/errors";
import type { Video } from "../types";

const CALL_LIMIT_MS = 20_000;
/** The server itself answers complete within 10 s, with 202 where the store needs longer. */
const COMPLETE_LIMIT_MS = 45_000;
const API = "/api/v1/";

export function createFetchApi(fetcher: typeof fetch = (...args) => fetch(...args)): UploadApi {
  async function call<T>(
    method: "POST" | "DELETE",
    path: string,
    signal: AbortSignal,
    content: RequestInit = {},
    limitMs = CALL_LIMIT_MS,
  ): Promise<T> {
    const { controller, unlink } = linkedController(signal);
    const timer = setTimeout(() => controller.abort(), limitMs);
    try {
      const response = await fetcher(API + path, {
        method,
        credentials: "same-origin",
        // A cancel's DELETE must arrive although the tab is closed at once.
        keepalive: method === "DELETE",
        signal: controller.signal,
        ...content,
      });
      const answer = parsed(await response.text());
      if (!response.ok) throw failureOf(response, answer);
      if (response.status === 204) return undefined as T; // 204 is only asked for as T = void
      // A captive portal's page with status 200: no answer of ours, and worth another try.
      if (!isRecord(answer)) throw new ApiFailure(0, "unreadable_answer", "");
      return answer as T; // the contract: the API's own tests hold it to schema.d.ts
    } catch (reason) {
      if (reason instanceof ApiFailure) throw reason;
      // No answer: the connection broke, the call took too long, or the caller stopped (and will look).
      throw new ApiFailure(0, controller.signal.aborted && !signal.aborted ? "timeout" : "network", "");
    } finally {
      clearTimeout(timer);
      unlink();
    }
  }

  /** keepalive outlives the page; a rejection has nobody left to hear it. */
  function lastWord(method: "POST" | "DELETE", path: string, content: RequestInit = {}): void {
    fetcher(API + path, { method, credentials: "same-origin", keepalive: true, ...content }).catch(
      () => undefined,
    );
  }

  return {
    create: (request, idempotencyKey, signal) =>
      call<CreatedUpload>("POST", "videos", signal, json(request, { "Idempotency-Key": idempotencyKey })),
    sign: (videoId, partNumbers, signal) =>
      call<SignedParts>("POST", `videos/${videoId}/parts`, signal, json({ part_numbers: partNumbers })),
    complete: (videoId, proof, signal) =>
      call<Video>("POST", `videos/${videoId}/complete`, signal, json({ parts: proof }), COMPLETE_LIMIT_MS),
    remove: (videoId, signal) => call<void>("DELETE", `videos/${videoId}`, signal),
    removeOnUnload: (videoId) => lastWord("DELETE", `videos/${videoId}`),
    report: (telemetry) => lastWord("POST", "upload-telemetry", json(telemetry)),
  };
}

function json(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return { headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) };
}

function failureOf(response: Response, body: unknown): ApiFailure {
  const retryAfter = Number(response.headers.get("Retry-After") ?? Number.NaN);
  const retryAfterSeconds = Number.isFinite(retryAfter) ? Math.max(0, retryAfter) : null;
  const requestId = response.headers.get("X-Request-Id");
  if (!isRecord(body) || typeof body.code !== "string")
    return new ApiFailure(response.status, "unreadable_answer", "", requestId, retryAfterSeconds);
  const { code, detail, request_id, ...facts } = body;
  return new ApiFailure(
    response.status,
    String(code),
    typeof detail === "string" ? detail : "",
    typeof request_id === "string" ? request_id : requestId,
    retryAfterSeconds,
    facts,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
