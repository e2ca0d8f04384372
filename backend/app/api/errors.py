"""Turn every error, ours and FastAPI's, into a status and the one body."""

import json
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from app.core.audit_events import AuditEvent, record
from app.core.metrics import LIMIT_HITS
from app.core.operator_errors import reason_for
from app.domain import errors

log = structlog.get_logger()

STATUSES: Mapping[type[errors.SlipwayError], int] = {
    errors.FileTooLarge: 413,
    errors.Rejected: 422,
    errors.NotAuthenticated: 401,
    errors.InvalidCredentials: 401,
    errors.CsrfRejected: 403,
    errors.RegistrationClosed: 403,
    errors.VideoNotFound: 404,
    errors.SessionNotFound: 404,
    errors.Conflict: 409,
    errors.RateLimited: 429,
    errors.Unavailable: 503,
}

PLAIN_ERRORS: Mapping[int, tuple[errors.ErrorCode, str]] = {
    400: ("malformed_request", "The request could not be read. Send a JSON body that matches the API."),
    404: ("not_found", "There is nothing at this address."),
    405: (
        "method_not_allowed",
        "This address doesn't accept this method. The Allow header names those it does.",
    ),
    408: ("malformed_request", "The request took too long to arrive. Send it again."),
    413: ("body_too_large", "The request's body is too large. JSON may be up to 64 KiB."),
    431: (
        "malformed_request",
        "The request's headers are too large. They may be up to 100, and 32 KiB in all.",
    ),
    500: (
        "internal_error",
        "Something went wrong on our side. Try again. If it happens again, report the request ID.",
    ),
}


class ApiError(HTTPException):
    def __init__(
        self,
        status_code: int,
        code: errors.ErrorCode,
        detail: str,
        facts: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status_code, detail, headers)
        self.code = code
        self.facts = facts or {}


def api_error(error: errors.SlipwayError) -> ApiError:
    """Return the HTTPException for one of our errors."""
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    headers = {}
    if isinstance(error, errors.Unavailable):
        headers["Retry-After"] = str(errors.RETRY_AFTER_SECONDS)
    if isinstance(error, errors.RateLimited):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, errors.NotAuthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    return ApiError(status, error.code, error.detail, error.facts, headers)


def plain_error(status_code: int, headers: Mapping[str, str] | None = None) -> ApiError:
    """Return the error for a status that has no more to say."""
    code, detail = PLAIN_ERRORS.get(
        status_code, ("malformed_request", "The server can't process this request.")
    )
    return ApiError(status_code, code, detail, headers=headers)


def render(error: ApiError, scope: Scope) -> Response:
    request_id = scope.get("state", {}).get("request_id", "")
    body = {"code": error.code, "detail": error.detail, "request_id": request_id, **error.facts}
    # ASCII only, because UTF-8 has no encoding for a lone surrogate in an echoed field name.
    content = json.dumps(body, ensure_ascii=True).encode()
    return Response(content, error.status_code, error.headers, media_type="application/json")


def report(error: errors.SlipwayError, request: Request) -> None:
    """Log and count what an operator should know of a refusal."""
    if isinstance(error, errors.Unavailable):
        log.warning("request.unavailable", code=error.code, cause=reason_for(error))
    if isinstance(error, errors.CsrfRejected):
        record(AuditEvent.CSRF_REFUSED, origin=request.headers.get("origin", "")[:200])
    if isinstance(error, errors.RateLimited):
        LIMIT_HITS.labels(error.limit.value).inc()
        if error.is_first:  # once a window, because a flood would fill the log
            record(AuditEvent.LIMIT_HIT, limit=error.limit.value)


def install(app: FastAPI) -> None:
    """Give every error of the app the one body."""

    @app.exception_handler(errors.SlipwayError)
    async def on_ours(request: Request, error: errors.SlipwayError) -> Response:
        report(error, request)
        return render(api_error(error), request.scope)

    @app.exception_handler(StarletteHTTPException)
    async def on_http(request: Request, error: StarletteHTTPException) -> Response:
        if isinstance(error, ApiError):
            return render(error, request.scope)
        headers = _allow(request) if error.status_code == 405 else None
        return render(plain_error(error.status_code, headers or error.headers), request.scope)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        return render(_invalid(error), request.scope)


def _allow(request: Request) -> dict[str, str] | None:
    """Return every method of this path. The router itself names only those of the first matching route."""
    allowed = [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]
    return {"Allow": ", ".join(allowed)} if allowed else None


def _invalid(error: RequestValidationError) -> ApiError:
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return plain_error(400)
    # Without the input, which may be a password.
    items = [{"loc": [_short(part) for part in item["loc"]], "msg": item["msg"]} for item in found[:20]]
    where = ".".join(str(part) for part in items[0]["loc"][1:]) if items else ""
    detail = f"{where}: {items[0]['msg']}." if items and where else "The request does not match the API."
    return ApiError(422, "validation_error", detail, {"errors": items})


def _short(part: str | int) -> str | int:
    return part if isinstance(part, int) else part[:100]
