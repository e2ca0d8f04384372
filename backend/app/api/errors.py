"""From an error to a status and a body: the one place that knows both, for our errors and FastAPI's own."""

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

from app.domain import errors

log = structlog.get_logger()

_STATUSES: Mapping[type[errors.SlipwayError], int] = {
    errors.FileTooLarge: 413,
    errors.Rejected: 422,
    errors.NotAuthenticated: 401,
    errors.InvalidCredentials: 401,
    errors.CsrfRejected: 403,
    errors.VideoNotFound: 404,
    errors.SessionNotFound: 404,
    errors.Conflict: 409,
    errors.Unavailable: 503,
}

_PLAIN_CODES: Mapping[int, tuple[errors.ErrorCode, str]] = {
    400: ("malformed_request", "The request could not be read. Send a JSON body that matches the API."),
    404: ("not_found", "There is nothing at this address."),
    405: (
        "method_not_allowed",
        "This address does not take this method; the Allow header names those it takes.",
    ),
    413: ("body_too_large", "The request's body is too large: JSON may be up to 64 KiB."),
    500: (
        "internal_error",
        "Something went wrong on our side. Try again; if it stays, report the request id.",
    ),
}


class ApiError(HTTPException):
    """An error on its way out: status, code, detail, facts, headers."""

    def __init__(
        self,
        status_code: int,
        code: errors.ErrorCode,
        detail: str,
        facts: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status_code, detail, dict(headers) if headers else None)
        self.code = code
        self.facts = facts or {}


def api_error(error: errors.SlipwayError) -> ApiError:
    """The HTTPException for one of our errors."""
    status = next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)
    headers = {}
    if isinstance(error, errors.Unavailable):
        headers["Retry-After"] = str(errors.RETRY_AFTER_SECONDS)
    if isinstance(error, errors.NotAuthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    return ApiError(status, error.code, error.detail, error.facts, headers)


def plain_error(status_code: int, headers: Mapping[str, str] | None = None) -> ApiError:
    """An error that has no more to say than its status."""
    code, detail = _PLAIN_CODES.get(
        status_code, ("malformed_request", "The request cannot be met as it stands.")
    )
    return ApiError(status_code, code, detail, headers=headers)


def render(error: ApiError, scope: Scope) -> Response:
    """The answer in the one shape."""
    request_id = scope.get("state", {}).get("request_id", "")
    body = {"code": error.code, "detail": error.detail, "request_id": request_id, **error.facts}
    # ASCII only: a lone surrogate in an echoed field name could not be encoded otherwise.
    content = json.dumps(body, ensure_ascii=True).encode()
    return Response(content, error.status_code, error.headers, media_type="application/json")


def install(app: FastAPI) -> None:
    """Every error of this app in the one shape."""

    async def on_ours(request: Request, error: Exception) -> Response:
        if not isinstance(error, errors.SlipwayError):
            raise error
        if isinstance(error, errors.Unavailable):
            log.warning("request.unavailable", code=error.code, cause=type(error.__cause__).__name__)
        return render(api_error(error), request.scope)

    async def on_http(request: Request, error: Exception) -> Response:
        if isinstance(error, ApiError):
            return render(error, request.scope)
        if not isinstance(error, StarletteHTTPException):
            raise error
        headers = _allow(request) if error.status_code == 405 else None
        return render(plain_error(error.status_code, headers or error.headers), request.scope)

    async def on_invalid(request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        return render(_invalid(error), request.scope)

    app.add_exception_handler(errors.SlipwayError, on_ours)
    app.add_exception_handler(StarletteHTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)


def _allow(request: Request) -> dict[str, str] | None:
    """Every method of this path: the router itself names only those of the first route it found."""
    taken = [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]
    return {"Allow": ", ".join(taken)} if taken else None


def _invalid(error: RequestValidationError) -> ApiError:
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return plain_error(400)
    # Never the input itself: it may be a password.
    items = [{"loc": [_short(part) for part in item["loc"]], "msg": item["msg"]} for item in found[:20]]
    where = ".".join(str(part) for part in items[0]["loc"][1:]) if items else ""
    detail = f"{where}: {items[0]['msg']}." if items and where else "The request does not match the API."
    return ApiError(422, "validation_error", detail, {"errors": items})


def _short(part: str | int) -> str | int:
    return part if isinstance(part, int) else part[:100]
