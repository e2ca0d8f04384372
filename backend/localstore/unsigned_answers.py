"""Answers the two requests that need no signature, so that neither reaches Swift."""

import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final

from localstore.answers import Refusal

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_HEADER_NAMES: Final = re.compile(r"[a-z0-9-]+(?:, ?[a-z0-9-]+)*")


def to_monitor(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Say that the store answers."""
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        raise Refusal("405 Method Not Allowed", "MethodNotAllowed", "The health check is for GET and HEAD.")
    body = b"OK"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def to_preflight(
    origins: Collection[str], environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """Say what a page may send (Fetch standard, "CORS-preflight request"). Raise Refusal for a foreign page."""
    origin = environ["HTTP_ORIGIN"]
    if origin not in origins:
        raise Refusal("403 Forbidden", "AccessForbidden", "Pages of this origin may not call the store.")
    headers = [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Methods", "GET, HEAD, PUT"),
        ("Vary", "Origin, Access-Control-Request-Headers"),
        ("Content-Length", "0"),
    ]
    # A browser may send any header, because the store ignores those that are not on its list.
    asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").lower()
    if _HEADER_NAMES.fullmatch(asked):
        headers.append(("Access-Control-Allow-Headers", asked))
    start_response("200 OK", headers)
    return [b""]
