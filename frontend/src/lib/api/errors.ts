// Reads the API's error responses.

export const API_ERROR_CODES = [
  "malformed_request",
  "validation_error",
  "unsupported_container",
  "content_type_mismatch",
  "file_empty",
  "filename_invalid",
  "password_too_weak",
  "not_authenticated",
  "invalid_credentials",
  "csrf_rejected",
  "not_found",
  "video_not_found",
  "method_not_allowed",
  "email_taken",
  "wrong_state",
  "parts_incomplete",
  "idempotency_conflict",
  "quota_exceeded",
  "too_many_uploads",
  "file_too_large",
  "body_too_large",
  "rate_limited",
  "internal_error",
  "storage_unavailable",
  "database_unavailable",
  "overloaded",
  // Ours: the API gave no answer at all, or one that is not in its own shape (a proxy's page, say).
  "network",
  "unreadable_answer",
] as const;

export type ApiErrorCode = (typeof API_ERROR_CODES)[number];

export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    /** The HTTP status; 0 when there was no answer. */
    readonly status: number,
    readonly code: ApiErrorCode,
    /** A sentence for people that says what to do. */
    readonly detail: string,
    readonly requestId: string | null,
    /** What else the answer carried, by code: `limit_bytes`, `errors`, ... */
    readonly facts: Readonly<Record<string, unknown>>,
  ) {
    super(detail);
  }

  /** True when the same request may well succeed a moment later. */
  get isTransient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Reads the body of a refused request into an ApiError. */
export function toApiError(response: Response, body: unknown): ApiError {
  if (isRecord(body) && typeof body.detail === "string" && isApiErrorCode(body.code)) {
    const { code, detail, request_id: requestId, ...facts } = body;
    return new ApiError(
      response.status,
      code,
      detail,
      typeof requestId === "string" ? requestId : null,
      facts,
    );
  }
  return new ApiError(
    response.status,
    "unreadable_answer",
    `The server answered ${response.status} without saying why. Try again in a moment.`,
    response.headers.get("X-Request-Id"),
    {},
  );
}

export function networkError(): ApiError {
  return new ApiError(
    0,
    "network",
    "The server does not answer. Check your connection and try again.",
    null,
    {},
  );
}

function isApiErrorCode(code: unknown): code is ApiErrorCode {
  return API_ERROR_CODES.some((known) => known === code);
}

function isRecord(value: unknown): value is Record<string, unknown> & { code?: unknown } {
  return typeof value === "object" && value !== null;
}
