// What to tell someone whose sign-in or registration was refused.
import type { ApiError } from "@/lib/api/errors";

export function authErrorText(error: ApiError): string {
  switch (error.code) {
    case "invalid_credentials":
      return "E-mail and password do not match an account. Check both and try again.";
    case "email_taken":
      return "There is an account with this e-mail address already. Sign in instead.";
    case "rate_limited":
      return "Too many tries. Wait a minute, then try again.";
    case "csrf_rejected":
      return "This page was opened under an address the server does not know. Open it under its own address and try again.";
    // The server's own sentence is the best there is for these.
    case "password_too_weak":
    case "validation_error":
    case "malformed_request":
    case "network":
    case "unreadable_answer":
    case "internal_error":
    case "storage_unavailable":
    case "database_unavailable":
    case "overloaded":
    case "not_authenticated":
    case "not_found":
    case "method_not_allowed":
    case "body_too_large":
    case "unsupported_container":
    case "content_type_mismatch":
    case "file_empty":
    case "filename_invalid":
    case "file_too_large":
    case "video_not_found":
    case "wrong_state":
    case "parts_incomplete":
    case "idempotency_conflict":
    case "quota_exceeded":
    case "too_many_uploads":
      return error.detail;
    default:
      return error.code satisfies never;
  }
}
