"""The headers of every answer of the store, and its own errors in S3's shape."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PROTECTION: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
    ("Referrer-Policy", "no-referrer"),
)
"""If a browser shows an answer as a document, it runs and loads nothing, and no page frames it."""

NOT_STORED: Final = "private, no-store"
ASKED_AGAIN: Final = "private, no-cache"
"""For a video. A browser may keep what it has read, and asks before it uses that again, so a URL that has ended or a
deleted video shows nothing. Shared caches keep nothing (RFC 9111, 5.2.2)."""

EXPOSED_TO_PAGES: Final = "ETag"
"""Response headers that scripts may read. Swift would add those of the object's metadata."""


UNREAD_KEY: Final = "slipway.unread"
"""The WSGI key of a request whose body the store does not read, so the connection closes after the answer."""


REFUSED_KEY: Final = "slipway.refused"
"""The WSGI key that says of a request that should be signed whether the front door has refused it."""


@dataclass(frozen=True)
class Refusal(Exception):
    """An error of S3's list (API reference, Error responses). Raise a new one each time.

    An exception that is raised again keeps the requests of all earlier times, by the frames of its traceback.
    """

    status: str
    code: str
    message: str


def refuse(refusal: Refusal, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    body = error_body(refusal.code, refusal.message)
    start_response(refusal.status, error_headers(body))
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def leave_body(environ: "WSGIEnvironment") -> None:
    """Read nothing more of the body. If something is left, the connection closes after the answer."""
    body = environ["eventlet.input"]
    if body.position < (body.content_length or 0):
        body.content_length = body.position
        environ[UNREAD_KEY] = True


def error_body(code: str, message: str) -> bytes:
    """Return an S3 error."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    ).encode()


def error_headers(body: bytes) -> list[tuple[str, str]]:
    return [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
