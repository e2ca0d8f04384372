// Reads the API's error responses.
import { isApiCode } from "@/text/problems";
import type { components } from "./schema";

type ErrorOut = components["schemas"]["ErrorOut"];

/** A code of the API, `network` if it did not answer, or `unreadable_answer` if something else did. */
export type ApiErrorCode = ErrorOut["code"] | "network" | "unreadable_answer";

/** `@/text/problems` has the sentence and the action of each code. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    /** The HTTP status, or 0 without a response. */
    readonly status: number,
    readonly code: ApiErrorCode,
    readonly requestId: string | null = null,
    /** The further fields of the response. */
    readonly facts: object = {},
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(code);
  }

  /** Whether the same request may succeed a moment later. A 429 says when. */
  get isTransient(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

/** Turn the response to a refused request into an ApiError. */
export function toApiError({ status, headers }: Response, body: unknown): ApiError {
  const seconds = Number.parseFloat(headers.get("Retry-After") ?? "");
  const retryAfterSeconds = seconds >= 0 ? seconds : null;
  if (isErrorOut(body)) return new ApiError(status, body.code, body.request_id, body, retryAfterSeconds);
  return new ApiError(status, "unreadable_answer", headers.get("X-Request-Id"), {}, retryAfterSeconds);
}

export function networkError(): ApiError {
  return new ApiError(0, "network");
}

function isErrorOut(body: unknown): body is ErrorOut {
  if (typeof body !== "object" || body === null) return false;
  const { code, detail } = body as { code?: unknown; detail?: unknown };
  return typeof detail === "string" && typeof code === "string" && isApiCode(code);
}
