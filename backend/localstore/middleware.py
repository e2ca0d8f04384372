"""WSGI middleware of the public server, which adds headers to answers and counts requests and places."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import eventlet

from localstore.answers import (
    ASKED_AGAIN,
    EXPOSED_TO_PAGES,
    NOT_STORED,
    PROTECTION,
    UNREAD_KEY,
    Refusal,
    refuse,
)
from localstore.front_door import CALLER_KEY, METADATA_PREFIX, Caller
from localstore.local_names import is_local_origin
from localstore.places import PLACE_KEY, Page, Place
from localstore.starts import Starts

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Headers = list[tuple[str, str]]

_POLL_SECONDS: Final = 0.02
_TOO_MANY: Final = Refusal(
    "503 Service Unavailable", "SlowDown", "Too many requests at a time. Try again in a moment."
)


def _changing_headers(
    start_response: "StartResponse", change: Callable[[str, Headers], Headers]
) -> "StartResponse":
    """Return a `start_response` that passes the status on, and the headers that `change` makes of both."""

    def start(status: str, headers: Headers, error: Any = None) -> Any:
        changed = change(status, headers)
        return start_response(status, changed, error) if error else start_response(status, changed)

    return start


def with_protection(app: "WSGIApplication") -> "WSGIApplication":
    """Add the headers of every answer, and let scripts of a page read only the ETag.

    The metadata of an object is for the app. Others may have a signed URL without being its owner.
    """

    def protected(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def protect(status: str, headers: Headers) -> Headers:
            caller = environ.get(CALLER_KEY)
            is_get_of_page = caller is Caller.PAGE and environ["REQUEST_METHOD"] == "GET"
            is_video = is_get_of_page and status.startswith(("200", "206", "304"))
            ours = {**dict(PROTECTION), "Cache-Control": ASKED_AGAIN if is_video else NOT_STORED}
            if any(name.lower() == "access-control-allow-origin" for name, _ in headers):
                ours["Access-Control-Expose-Headers"] = EXPOSED_TO_PAGES
            replaced = {name.lower() for name in ours}
            kept = [
                (name, value)
                for name, value in headers
                if name.lower() not in replaced
                and (caller is Caller.APP or not name.lower().startswith(METADATA_PREFIX))
            ]
            return [*kept, *ours.items()]

        return app(environ, _changing_headers(start_response, protect))

    return protected


def answering_failures(app: "WSGIApplication", log: logging.Logger) -> "WSGIApplication":
    """Answer an exception with S3's InternalError. eventlet would send an answer without our headers."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except Exception:
            log.exception("request.failed")
            failure = Refusal("500 Internal Server Error", "InternalError", "The store failed. See its log.")
            return refuse(failure, environ, start_response)

    return answer


def holding_places(app: "WSGIApplication") -> "WSGIApplication":
    """Keep a connection's place while Swift works for it. Refuse a page if it has too many places.

    The front door has verified the request, so whoever sends it counts for the owner of the object.
    """
    starts = Starts()

    def hold(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        place: Place = environ[PLACE_KEY]
        if environ[CALLER_KEY] is Caller.APP:
            place.serve()
        elif not place.begin_page(
            Page(_owner_of(environ["PATH_INFO"]), is_view=environ["REQUEST_METHOD"] == "GET")
        ):
            return refuse(_TOO_MANY, environ, start_response)
        end_start = starts.begin(place.client)
        environ["wsgi.input"] = _NoticedBody(environ["wsgi.input"], end_start)
        try:
            body = app(environ, start_response)
        except BaseException:
            place.wait()
            raise
        finally:
            end_start()
        return _ClosedBody(body, place.wait)

    return hold


class _NoticedBody:
    """A request body that calls back before it is read."""

    def __init__(self, body: Any, on_read: Callable[[], None]) -> None:
        self._body = body
        self._on_read = on_read

    def read(self, *args: Any) -> bytes:
        self._on_read()
        chunk: bytes = self._body.read(*args)
        return chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


def _owner_of(path: str) -> str:
    """Return what all objects of one owner have in common. A path is `/bucket/videos/owner/...`."""
    return "/".join(path.split("/")[:4])


def with_cors_on_errors(app: "WSGIApplication", origins: Collection[str]) -> "WSGIApplication":
    """Add CORS headers to s3api's errors. Without them a page sees a network failure instead of a 403."""

    def readable(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN")
        if origin is None or origin not in origins:
            return app(environ, start_response)

        def allow(_: str, headers: Headers) -> Headers:
            if any(name.lower() == "access-control-allow-origin" for name, _ in headers):
                return headers
            return [*headers, ("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]

        return app(environ, _changing_headers(start_response, allow))

    return readable


def with_local_origins(app: "WSGIApplication", origins: Sequence[str]) -> "WSGIApplication":
    """Allow every page at a local address, whose port and name Slipway need not know.

    Swift compares an origin with a list, so it gets the first of `origins` in place of such an origin.
    """

    def translated(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN", "")
        if origin in origins or not is_local_origin(origin):
            return app(environ, start_response)

        def name_the_page(_: str, headers: Headers) -> Headers:
            return [
                (name, origin if name.lower() == "access-control-allow-origin" else value)
                for name, value in headers
            ]

        # Not in a copy, in which the outer layers would not find the caller.
        environ["HTTP_ORIGIN"] = origins[0]
        return app(environ, _changing_headers(start_response, name_the_page))

    return translated


def announcing_close(app: "WSGIApplication") -> "WSGIApplication":
    """Send `Connection: close` with a response to a body that is not read (RFC 9110, 10.1.1).

    eventlet closes a connection that waits for `100 Continue` without saying so. An SDK that sent `Expect` would
    reuse it and fail.
    """

    def announce(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        body = environ["wsgi.input"]  # Swift replaces this with its own wrappers

        def announce_it(_: str, headers: Headers) -> Headers:
            is_unread = environ.get(UNREAD_KEY) or getattr(body, "should_send_hundred_continue", False)
            return [*headers, ("Connection", "close")] if is_unread else headers

        return app(environ, _changing_headers(start_response, announce_it))

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
            return _ClosedBody(body, self._decrement)

        return count

    def wait_until_idle(self, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while self._count and time.monotonic() < deadline:
            eventlet.sleep(_POLL_SECONDS)

    def _decrement(self) -> None:
        self._count -= 1


class _ClosedBody:
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
