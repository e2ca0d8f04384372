"""Declare a route's errors for openapi.json and the page's types."""

from typing import Any

from app.schemas.errors import ErrorOut, ValidationErrorOut

_DESCRIPTIONS = {
    400: "malformed_request",
    401: "not_authenticated, or invalid_credentials on sign-in",
    403: "csrf_rejected, or registration_closed on registration",
    404: "video_not_found, not_found",
    409: "a conflict with the current state, which `code` names",
    413: "file_too_large, body_too_large",
    422: "validation_error, or a file that is not accepted, for which `code` names the reason",
    429: "rate_limited, with Retry-After in seconds",
    431: "malformed_request, because a query of many encoded characters outgrows the limit of headers",
    500: "internal_error",
    503: "storage_unavailable, database_unavailable, overloaded",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return `responses=` of a route, with the errors of every route."""
    return {
        status: {
            "model": ValidationErrorOut | ErrorOut if status == 422 else ErrorOut,
            "description": _DESCRIPTIONS[status],
        }
        for status in sorted({*statuses, 500, 503})
    }
