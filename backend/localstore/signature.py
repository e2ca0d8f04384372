"""Verifies a request's AWS4-HMAC-SHA256 signature before the store reads its body.

Swift verifies it too, but only after it has parsed the body of some requests. The steps are those of the S3 API
reference, "Authenticating Requests: Using the Authorization Header" and "Using Query Parameters".
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from localstore.answers import Refusal

ALGORITHM: Final = "AWS4-HMAC-SHA256"
QUERY_NAMES: Final = frozenset(
    f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
)
"""A signed URL has each of these once."""

_SKEW_SECONDS: Final = 900
"""A signature in a header is valid this long before and after its date (S3's RequestTimeTooSkewed)."""

_AUTHORIZATION: Final = re.compile(
    rf"{ALGORITHM} Credential=(?P<credential>[^,\s]+),\s*SignedHeaders=(?P<headers>[^,\s]+),\s*"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
_UNRESERVED: Final = "-_.~"
_UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True)
class Request:
    """What is signed, as WSGI strings (bytes in latin-1)."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Signature:
    credential: str
    date: str
    signed_headers: tuple[str, ...]
    payload: str
    """The hash of the body that is signed. Swift compares it with the body."""
    value: str
    expires: str | None
    """Seconds for which a URL is valid. None for a signature in a header."""


def _names(signed_headers: str) -> tuple[str, ...]:
    """Return the names of signed headers. Raise Refusal if one occurs twice.

    What is signed has its value as often. A head of 30 KiB could make that 90 MB, and nobody has verified it yet.
    """
    names = tuple(signed_headers.lower().split(";"))
    if len(set(names)) < len(names):
        raise Refusal("400 Bad Request", "InvalidArgument", "A header is signed twice.")
    return names


def of_url(query: Mapping[str, str]) -> Signature:
    """Return the signature of a signed URL. Raise Refusal if a parameter is missing or wrong."""
    if not query.keys() >= QUERY_NAMES:
        raise _unreadable()
    return Signature(
        query["X-Amz-Credential"],
        query["X-Amz-Date"],
        _names(query["X-Amz-SignedHeaders"]),
        _UNSIGNED_PAYLOAD,
        query["X-Amz-Signature"],
        query["X-Amz-Expires"],
    )


def of_header(headers: Mapping[str, str]) -> Signature:
    """Return the signature of the Authorization header. Raise Refusal if something is missing or wrong."""
    found = _AUTHORIZATION.fullmatch(headers["authorization"])
    if found is None or not headers.keys() >= {"x-amz-date", "x-amz-content-sha256"}:
        raise _unreadable()
    return Signature(
        found["credential"],
        headers["x-amz-date"],
        _names(found["headers"]),
        headers["x-amz-content-sha256"],
        found["signature"],
        None,
    )


def verify(request: Request, signature: Signature, secrets: Mapping[str, str]) -> None:
    """Raise Refusal unless one of `secrets`, by access key ID, has signed the request."""
    access_key, *scope = signature.credential.split("/")
    secret = secrets.get(access_key)
    if secret is None or len(scope) != 4:
        raise _mismatch()
    digest = hashlib.sha256(_canonical(request, signature)).hexdigest()
    text = "\n".join([ALGORITHM, signature.date, "/".join(scope), digest])
    key = f"AWS4{secret}".encode()
    for item in (*scope, text):
        key = hmac.digest(key, item.encode("latin-1"), "sha256")
    if not hmac.compare_digest(key.hex().encode(), signature.value.encode("latin-1")):
        raise _mismatch()


def check_time(signature: Signature, now: float) -> None:
    """Raise Refusal if the signature is of another time. `now` is in seconds since 1970."""
    try:
        signed_at = datetime.strptime(signature.date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        expires = None if signature.expires is None else int(signature.expires)
    except ValueError:
        raise _unreadable() from None
    if expires is None and abs(now - signed_at) > _SKEW_SECONDS:
        raise Refusal(
            "403 Forbidden",
            "RequestTimeTooSkewed",
            "The difference between the request time and the server's time is too large.",
        )
    if expires is not None and signed_at + expires < now:
        raise Refusal("403 Forbidden", "AccessDenied", "Request has expired")


def _canonical(request: Request, signature: Signature) -> bytes:
    """Return the canonical request. Raise Refusal if a signed header is missing."""
    values: dict[str, list[str]] = {}
    for name, value in request.headers:
        values.setdefault(name.lower(), []).append(" ".join(value.split()))
    if not values.keys() >= set(signature.signed_headers):
        raise _mismatch()
    fields = sorted(
        (_encoded(name), _encoded(value)) for name, value in request.query if name != "X-Amz-Signature"
    )
    lines = [
        request.method,
        _encoded(request.path, "/"),
        "&".join(f"{name}={value}" for name, value in fields),
        *(f"{name}:{','.join(values[name])}" for name in signature.signed_headers),
        "",
        ";".join(signature.signed_headers),
        signature.payload,
    ]
    return "\n".join(lines).encode("latin-1")


def _encoded(text: str, kept: str = "") -> str:
    return quote(text.encode("latin-1"), safe=_UNRESERVED + kept)


def _unreadable() -> Refusal:
    return Refusal("403 Forbidden", "AccessDenied", "The request's signature is incomplete.")


def _mismatch() -> Refusal:
    return Refusal(
        "403 Forbidden",
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
    )
