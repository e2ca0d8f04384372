"""The outermost layer of the public server: S3 requests only, readable errors, a count for a clean stop."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

import eventlet

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
    """Without a signature Swift would answer in its own API and in HTML; nobody needs that door."""

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
    """s3api sends its errors without CORS headers: a page would see a network failure where it got a 403."""

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


def announcing_close(app: "WSGIApplication") -> "WSGIApplication":
    """Say so when the connection ends with an answer that came before the body was asked for.

    eventlet then closes it in silence; an SDK that sent `Expect: 100-continue` would reuse it and fail.
    """

    def announce(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        body = environ["wsgi.input"]  # Swift puts wrappers of its own there

        def start(status: str, headers: list[tuple[str, str]], error: object = None) -> object:
            if getattr(body, "should_send_hundred_continue", False):
                headers = [*headers, ("Connection", "close")]
            return start_response(status, headers, error) if error else start_response(status, headers)  # type: ignore[arg-type]  # passed on as it came

        return app(environ, start)  # type: ignore[arg-type]  # the protocol names its parameters

    return announce


class InFlight:
    """Counts requests from their first line to the last byte of the answer."""

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
            return _Counted(body, self._left)

        return count

    def wait_until_idle(self, patience_seconds: float) -> None:
        give_up_at = time.monotonic() + patience_seconds
        while self._count and time.monotonic() < give_up_at:
            eventlet.sleep(_POLL_SECONDS)

    def _left(self) -> None:
        self._count -= 1


class _Counted:
    """A response body that tells when the server has closed it, as WSGI asks of every server."""

    def __init__(self, body: Iterable[bytes], left: Callable[[], None]) -> None:
        self._body = body
        self._left = left

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._left()
