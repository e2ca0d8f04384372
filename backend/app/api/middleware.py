"""Give every request an ID, a log line without secrets, a limit of its body, and safe headers."""

import re
import time
import uuid
from collections.abc import Mapping, Sequence

import structlog
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import ApiError, plain_error, render
from app.core.audit_events import of_request
from app.core.metrics import HTTP_REQUEST_BYTES, HTTP_REQUEST_SECONDS, HTTP_REQUESTS
from app.core.opened_host import remember_opened_host

log = structlog.get_logger()

MAX_BODY_BYTES = 64 * 1024
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,128}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})

SAFE_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Answers contain a user's data and signed URLs. Only the page's files have other values of these two.
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def safe_headers(*, is_https: bool) -> Mapping[str, str]:
    """Return the headers of every answer."""
    if not is_https:
        return SAFE_HEADERS
    # Browsers ignore it on plain http (RFC 6797, 8.1). ASVS 5.0 asks for a year and the subdomains (3.4.1).
    return {**SAFE_HEADERS, "Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


class RequestContext:
    """The outermost layer, which answers every exception of the others."""

    def __init__(self, app: ASGIApp, known_hosts: Sequence[str] = (), *, is_https: bool = False) -> None:
        self._app = app
        self._known_hosts = known_hosts
        self._defaults = safe_headers(is_https=is_https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        remember_opened_host(headers.get("host", ""), self._known_hosts)
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        address = (scope.get("client") or (None,))[0]
        # Anyone may choose it, so it is logged beside ours, by which a proxy's log and ours can be joined.
        given = headers.get("x-request-id", "")
        with of_request(request_id, address, given if _PRINTABLE.fullmatch(given) else None):
            await self._answer(scope, receive, send, request_id)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        began = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in self._defaults.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ApiError as error:
            await render(error, scope)(scope, receive, send_with_headers)
        except Exception:
            log.exception("request.failed")
            if status:
                raise  # the answer has begun, so only closing the connection tells the client
            await render(plain_error(500), scope)(scope, receive, send_with_headers)
        finally:
            _count(scope, status, time.perf_counter() - began)


class BodyLimit:
    """Refuses bodies over 64 KiB, with or without Content-Length, and forms in another encoding than UTF-8."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        kind, options = parse_options_header(headers.get("content-type"))
        # Starlette decodes such a form with any codec of Python. Punycode's takes time by the square of the length.
        if kind == b"multipart/form-data" and options.get(b"charset", b"utf-8").lower() != b"utf-8":
            raise plain_error(400)
        announced = headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced) > MAX_BODY_BYTES:
            raise _too_large()
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                size = len(message.get("body", b""))
                received += size
                HTTP_REQUEST_BYTES.inc(size)
                if received > MAX_BODY_BYTES:
                    raise _too_large()
            return message

        await self._app(scope, receive_counted, send)


def _too_large() -> ApiError:
    # While FastAPI reads a body, it passes an HTTPException on and turns every other error into a 400.
    return plain_error(413, {"Connection": "close"})


def _count(scope: Scope, status: int, seconds: float) -> None:
    # The route's template, so that labels contain no IDs and unknown paths have one label.
    route = getattr(scope.get("route"), "path", "page" if status < 400 else "none")
    method = scope["method"] if scope["method"] in _METHODS else "other"
    HTTP_REQUESTS.labels(method, route, str(status)).inc()
    HTTP_REQUEST_SECONDS.labels(method, route).observe(seconds)
    if scope["path"].startswith("/api/") and not scope["path"].startswith("/api/v1/health/"):
        duration = round(seconds * 1000, 1)
        log.info("request.answered", method=method, route=route, status=status, milliseconds=duration)
