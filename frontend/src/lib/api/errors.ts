// Reads the API's error responses.
import type { components } from "./schema";

type ServerErrorCode = components["schemas"]["ErrorOut"]["code"];

// Every code of the API, with the page's own sentence where it knows better than the server what to do.
const SENTENCES: Readonly<Record<ServerErrorCode, string | null>> = {
  body_too_large: null,
  content_type_mismatch: null,
  csrf_rejected:
    "The server doesn't know this address of the page. Open the page at its own address and try again.",
  database_unavailable: null,
  email_taken: null,
  file_empty: null,
  file_too_large: null,
  filename_invalid: null,
  idempotency_conflict: null,
  internal_error: null,
  invalid_credentials: null,
  malformed_request: null,
  method_not_allowed: null,
  not_authenticated: null,
  not_found: null,
  overloaded: null,
  parts_incomplete: null,
  password_too_weak: null,
  quota_exceeded: null,
  rate_limited: "Too many attempts. Wait a minute, and then try again.",
  storage_unavailable: null,
  too_many_uploads: null,
  unsupported_container: null,
  validation_error: null,
  video_not_found: null,
  wrong_state: null,
};

/** A code of the API, `network` if it did not answer, or `unreadable_answer` if something else did. */
export type ApiErrorCode = ServerErrorCode | "network" | "unreadable_answer";

export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    /** The HTTP status, or 0 without a response. */
    readonly status: number,
    readonly code: ApiErrorCode,
    /** A sentence for people that says what to do. */
    readonly detail: string,
    readonly requestId: string | null = null,
  ) {
    super(detail);
  }

  /** Whether the same request may succeed a moment later. */
  get isTransient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Turn the response to a refused request into an ApiError. */
export function toApiError({ status, headers }: Response, body: unknown): ApiError {
  if (isErrorOut(body)) {
    return new ApiError(status, body.code, SENTENCES[body.code] ?? body.detail, body.request_id);
  }
  const detail = `The server answered ${status} without a reason. Try again in a moment.`;
  return new ApiError(status, "unreadable_answer", detail, headers.get("X-Request-Id"));
}

export function networkError(): ApiError {
  return new ApiError(0, "network", "The server isn't answering. Check your connection and try again.");
}

function isErrorOut(body: unknown): body is components["schemas"]["ErrorOut"] {
  if (typeof body !== "object" || body === null) return false;
  const { code, detail } = body as { code?: unknown; detail?: unknown };
  return typeof detail === "string" && typeof code === "string" && Object.hasOwn(SENTENCES, code);
}
