"""Decides which requests reach Swift, and with which headers.

Only listed operations of S3 that a key of the store has signed reach it, so nobody else's bytes do. Swift has an API of
its own beside S3, whose headers delete objects later, join them or copy them. It accepts these headers with a signed S3
request too. So each caller has a list of headers, and no other header reaches Swift.
"""

import re
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from localstore import operations, unsigned_answers
from localstore.answers import REFUSED_KEY, Refusal, leave_body, refuse
from localstore.signature import (
    ALGORITHM,
    QUERY_NAMES,
    Request,
    Signature,
    check_time,
    of_header,
    of_url,
    verify,
)

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HEALTH_PATH: Final = "/healthcheck"
CALLER_KEY: Final = "slipway.caller"

_CONDITIONS: Final = frozenset({"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"})
_S3_PREFIX: Final = "x-amz-"
_CHECKSUMS: Final = frozenset({"x-amz-checksum-algorithm", "x-amz-sdk-checksum-algorithm"}) | {
    f"x-amz-checksum-{name}" for name in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")
}
"""Swift compares these sums with the body that it got. botocore adds crc32 to each body by itself."""


class Caller(Enum):
    """Who sends a request, by the place of its signature."""

    PAGE = "page"
    """A browser with a signed URL. Its owner chooses all other headers."""
    APP = "app"
    """A holder of the store's key, who signs the headers."""
    PREFLIGHT = "preflight"
    """A browser that asks what a page may send. It signs nothing."""
    MONITOR = "monitor"
    """Anyone who asks whether the store runs."""


_SIGNERS: Final = frozenset({Caller.PAGE, Caller.APP})
_HEADERS: Final[Mapping[Caller, frozenset[str]]] = {
    Caller.PAGE: frozenset({"host", "origin", "content-length", "content-md5", "range", "if-range"})
    | _CONDITIONS,
    # What Slipway's S3 client sends, and what botocore adds and signs for others. It adds x-amz-checksum-mode to GET
    # and HEAD of an object, and accept-encoding to some calls. With `Expect`, eventlet has already dealt.
    Caller.APP: frozenset(
        {
            "host",
            "accept-encoding",
            "authorization",
            "content-length",
            "content-md5",
            "content-type",
            "content-disposition",
            "range",
            "amz-sdk-invocation-id",
            "amz-sdk-request",
            "x-amz-checksum-mode",
            "x-amz-content-sha256",
            "x-amz-date",
            "x-amz-mp-object-size",
        }
    )
    | _CONDITIONS
    | _CHECKSUMS,
}
_ONE_RANGE: Final = re.compile(r"bytes=(?:[0-9]+-[0-9]*|-[0-9]+)")
_PART_HEADERS: Final = frozenset({"host", "origin", "content-length", "content-md5"})
METADATA_PREFIX: Final = "x-amz-meta-"
_METHODS: Final = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"})
_METHODS_WITH_BODY: Final = frozenset({"PUT", "POST"})

Query = list[tuple[str, str]]


@dataclass(frozen=True)
class _Signed:
    """A request whose signature is right."""

    caller: Caller
    query: frozenset[str]
    """The names in its query."""
    signature: Signature


class FrontDoor:
    def __init__(self, secrets: Mapping[str, str], origins: Collection[str]) -> None:
        """Take the secrets of the store's keys by their IDs, and the origins of pages."""
        self._secrets = secrets
        self._origins = origins

    def admitting(self, app: "WSGIApplication") -> "WSGIApplication":
        """Pass on listed operations that a key has signed, with the headers of their list. Answer all others."""

        def admit(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            try:
                environ[CALLER_KEY] = caller = _caller(environ)
                _check_body(environ)
                if caller not in _SIGNERS:
                    return self._answer_unsigned(environ, start_response)
                signed = self._verified(environ, caller)
            except Refusal as refusal:
                leave_body(environ)
                return self._refuse(refusal, environ, start_response)
            try:
                check_time(signed.signature, time.time())
                _check_operation(environ, signed)
                _keep_listed_headers(environ, signed)
            except Refusal as refusal:
                return self._refuse(refusal, environ, start_response)
            environ[REFUSED_KEY] = False
            return app(environ, start_response)

        return admit

    def _refuse(
        self, refusal: Refusal, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        environ[REFUSED_KEY] = True
        return refuse(refusal, environ, start_response)

    def _answer_unsigned(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        if environ[CALLER_KEY] is Caller.MONITOR:
            return unsigned_answers.to_monitor(environ, start_response)
        return unsigned_answers.to_preflight(self._origins, environ, start_response)

    def _verified(self, environ: "WSGIEnvironment", caller: Caller) -> _Signed:
        """Raise Refusal if the signature is missing or wrong."""
        query, headers = _query(environ), environ["headers_raw"]
        if caller is Caller.PAGE:
            signature = of_url(dict(query))
        else:
            signature = of_header({name.lower(): value for name, value in headers})
        request = Request(environ["REQUEST_METHOD"], environ["PATH_INFO"], query, headers)
        verify(request, signature, self._secrets)
        return _Signed(caller, frozenset(name for name, _ in query), signature)


def _caller(environ: "WSGIEnvironment") -> Caller:
    """Return who seems to send the request. Raise Refusal if nobody may."""
    if environ["REQUEST_METHOD"] not in _METHODS:
        raise Refusal("405 Method Not Allowed", "MethodNotAllowed", "The store does not know this method.")
    if environ["PATH_INFO"] == HEALTH_PATH:
        return Caller.MONITOR
    if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ORIGIN" in environ:
        return Caller.PREFLIGHT
    by_header = environ.get("HTTP_AUTHORIZATION", "").startswith(f"{ALGORITHM} ")
    by_query = dict(_query(environ)).get("X-Amz-Algorithm") == ALGORITHM
    if by_query and "HTTP_AUTHORIZATION" in environ:
        raise Refusal("400 Bad Request", "InvalidArgument", "Sign in the URL or in a header, not in both.")
    if by_query:
        return Caller.PAGE
    if by_header:
        return Caller.APP
    raise Refusal("403 Forbidden", "AccessDenied", f"The request is not signed with {ALGORITHM}.")


def _check_body(environ: "WSGIEnvironment") -> None:
    method = environ["REQUEST_METHOD"]
    if method not in _METHODS_WITH_BODY and environ.get("CONTENT_LENGTH") not in (None, "", "0"):
        raise Refusal("400 Bad Request", "InvalidRequest", f"A {method} request has no body.")


def _check_operation(environ: "WSGIEnvironment", signed: _Signed) -> None:
    method = environ["REQUEST_METHOD"]
    level = operations.level_of(environ["PATH_INFO"])
    if signed.caller is Caller.APP:
        if not operations.is_listed(operations.OF_APP, level, method, signed.query):
            raise Refusal("501 Not Implemented", "NotImplemented", "The store does not offer this operation.")
    elif not operations.is_listed(operations.OF_PAGES, level, method, signed.query - QUERY_NAMES):
        raise Refusal(
            "403 Forbidden",
            "AccessDenied",
            "A signed URL is for GET of an object or PUT of an upload's part.",
        )


def _keep_listed_headers(environ: "WSGIEnvironment", signed: _Signed) -> None:
    """Remove the headers that are not on the caller's list. Raise Refusal for those that the caller means.

    A header has a meaning if it is signed. S3 also refuses each `x-amz-` header that is not signed.
    """
    is_of_app = signed.caller is Caller.APP
    is_part_of_page = not is_of_app and environ["REQUEST_METHOD"] == "PUT"
    listed = _PART_HEADERS if is_part_of_page else _HEADERS[signed.caller]
    if not is_of_app and not _has_one_range(environ):
        listed -= {"range", "if-range"}
    meant = signed.signature.signed_headers
    kept = []
    for name, value in environ["headers_raw"]:
        lower = name.lower()
        is_listed = lower in listed or (is_of_app and lower.startswith(METADATA_PREFIX))
        if lower.startswith(_S3_PREFIX) and lower not in meant:
            raise Refusal(
                "403 Forbidden",
                "AccessDenied",
                "There were headers present in the request which were not signed.",
            )
        if is_listed:
            kept.append((name, value))
        elif lower in meant:
            raise Refusal("400 Bad Request", "InvalidRequest", f"The store does not take the header {lower}.")
    environ["headers_raw"] = tuple(kept)
    keys = {_environ_key(name) for name, _ in kept}
    for key in [key for key in environ if key.startswith("HTTP_") and key not in keys]:
        del environ[key]
    if "CONTENT_TYPE" not in keys:
        environ["CONTENT_TYPE"] = ""


def _has_one_range(environ: "WSGIEnvironment") -> bool:
    """Return whether one range is asked for, as players do.

    Swift sends up to 50, each of the whole object if the client likes. A header that is ignored means everything (RFC
    9110, 14.2).
    """
    asked = [value.strip() for name, value in environ["headers_raw"] if name.lower() == "range"]
    return len(asked) == 1 and _ONE_RANGE.fullmatch(asked[0]) is not None


def _environ_key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"


def _query(environ: "WSGIEnvironment") -> Query:
    """Return the fields of the query as WSGI strings. Raise Refusal if one occurs twice."""
    fields = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True, encoding="latin-1")
    if len(dict(fields)) < len(fields):
        raise Refusal("400 Bad Request", "InvalidArgument", "A name occurs twice in the query.")
    return fields
