"""WSGI middleware of the public server, which accepts only S3 requests, adds CORS headers and counts requests."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

import eventlet

from localstore.local_names import is_local_origin

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HEALTH_PATH: Final = "/healthcheck"

_SIGNING_PARAMETERS: Final = frozenset({"X-Amz-Credential", "AWSAccessKeyId"})
_ACCESS_DENIED: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>AccessDenied</Code><Message>The request is not signed.</Message></Error>"
)
_POLL_SECONDS: Final = 0.02


def refuse_unsigned(app: "WSGIApplication") -> "WSGIApplication":
    """Refuse requests without an S3 signature. Swift would answer them in its own API and in HTML."""

    def signed_only(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if _is_for_s3(environ):
            return app(environ, start_response)
        start_response(
            "403 Forbidden",
            [("Content-Type", "application/xml"), ("Content-Length", str(len(_ACCESS_DENIED)))],
        )
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else _ACCESS_DENIED]

    return signed_only


def _is_for_s3(environ: "WSGIEnvironment") -> bool:
    return (
        environ["REQUEST_METHOD"] == "OPTIONS"
        or environ["PATH_INFO"] == HEALTH_PATH
        or environ.get("HTTP_AUTHORIZATION", "").startswith("AWS")
        or not _SIGNING_PARAMETERS.isdisjoint(parse_qs(environ.get("QUERY_STRING", "")))
    )


def with_cors_on_errors(app: "WSGIApplication", origins: Collection[str]) -> "WSGIApplication":
    """Add CORS headers to s3api's errors. Without them a page sees a network failure instead of a 403."""

    def readable(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN")
        if origin is None or origin not in origins:
            return app(environ, start_response)

        def start(status: str, headers: list[tuple[str, str]], error: object = None) -> object:
            if not any(name.lower() == "access-control-allow-origin" for name, _ in headers):
                headers = [
                    *headers,
                    ("Access-Control-Allow-Origin", origin),
                    ("Access-Control-Expose-Headers", "ETag"),
                    ("Vary", "Origin"),
                ]
            return start_response(status, headers, error) if error else start_response(status, headers)  # type: ignore[arg-type]  # passed on as it came

        return app(environ, start)  # type: ignore[arg-type]  # the protocol names its parameters

    return readable


def with_local_origins(app: "WSGIApplication", origins: Sequence[str]) -> "WSGIApplication":
    """Allow every page at a local address, whose port and name Slipway need not know.

    Swift compares an origin with a list, so it gets the first of `origins` in place of such an origin.
    """

    def translated(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN", "")
        if origin in origins or not is_local_origin(origin):
            return app(environ, start_response)

        def start(status: str, headers: list[tuple[str, str]], error: object = None) -> object:
            headers = [
                (name, origin if name.lower() == "access-control-allow-origin" else value)
                for name, value in headers
            ]
            return start_response(status, headers, error) if error else start_response(status, headers)  # type: ignore[arg-type]  # passed on as it came

        return app({**environ, "HTTP_ORIGIN": origins[0]}, start)  # type: ignore[arg-type]  # the protocol names its parameters

    return translated


def announcing_close(app: "WSGIApplication") -> "WSGIApplication":
    """Send `Connection: close` with a response that precedes `100 Continue` (RFC 9110, 10.1.1).

    eventlet closes such a connection without saying so. An SDK that sent `Expect: 100-continue` would reuse it and
    fail.
    """

    def announce(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        body = environ["wsgi.input"]  # Swift replaces this with its own wrappers

        def start(status: str, headers: list[tuple[str, str]], error: object = None) -> object:
            if getattr(body, "should_send_hundred_continue", False):
                headers = [*headers, ("Connection", "close")]
            return start_response(status, headers, error) if error else start_response(status, headers)  # type: ignore[arg-type]  # passed on as it came

        return app(environ, start)  # type: ignore[arg-type]  # the protocol names its parameters

    return announce


class InFlight:
    """Counts requests from the request line to the last byte of the response."""

    def __init__(self) -> None:
        self._count = 0

    def counted(self, app: "WSGIApplication") -> "WSGIApplication":
        def count(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            self._count += 1
            try:
                body = app(environ, start_response)
            except BaseException:
                self._count -= 1
                raise
            return _CountedBody(body, self._decrement)

        return count

    def wait_until_idle(self, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while self._count and time.monotonic() < deadline:
            eventlet.sleep(_POLL_SECONDS)

    def _decrement(self) -> None:
        self._count -= 1


class _CountedBody:
    """A response body that calls back when the server closes it, as PEP 3333 requires of every server."""

    def __init__(self, body: Iterable[bytes], on_close: Callable[[], None]) -> None:
        self._body = body
        self._on_close = on_close

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._on_close()
