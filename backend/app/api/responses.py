"""Which errors a route declares, for openapi.json and so for the page's types."""

from typing import Any

from app.schemas.errors import ErrorOut, ValidationErrorOut

_DESCRIPTIONS = {
    400: "malformed_request",
    401: "not_authenticated, or invalid_credentials on sign-in",
    403: "csrf_rejected",
    404: "video_not_found, not_found",
    409: "a conflict with the state of things; `code` says which",
    413: "file_too_large, body_too_large",
    422: "validation_error, or a file that is not taken; `code` says which",
    500: "internal_error",
    503: "storage_unavailable, database_unavailable, overloaded",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: these, and what any route can answer."""
    return {
        status: {
            "model": ValidationErrorOut | ErrorOut if status == 422 else ErrorOut,
            "description": _DESCRIPTIONS[status],
        }
        for status in sorted({*statuses, 500, 503})
    }
