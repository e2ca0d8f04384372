"""Checks a request's head by RFC 9112 alone, before Swift reads it.

Two parsers that read one head differently let a sender hide a request in another's body (request smuggling). eventlet
and Swift take line folding, bare line feeds, several lengths and Transfer-Encoding. S3 needs none of these.
"""

import re
from typing import Final

MAX_HEAD_BYTES: Final = 32 * 1024
"""Bytes of request line and headers. A signed URL has 700, and a browser adds the cookies of every program on this host
name."""
MAX_LINE_BYTES: Final = 8 * 1024 - 1
"""Bytes of one line with its end. eventlet would refuse a longer one without an S3 error."""
MAX_FIELDS: Final = 100
"""Python's http.client takes no more."""

_REQUEST_LINE: Final = re.compile(rb"[A-Z]{1,20} /(?!/)[\x21-\x7e]* HTTP/1\.([01])")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)")
_LENGTH: Final = re.compile(rb"[0-9]{1,15}")
_END_OF_LINE: Final = b"\r\n"


class MalformedHead(Exception):
    """The message says what is wrong, without text of the request."""


def check(head: bytes) -> bytes:
    """Return the head without its cookies, which the store never needs. Raise MalformedHead.

    The head ends with an empty line.
    """
    if len(head) >= MAX_HEAD_BYTES:
        raise MalformedHead(f"The request's head is longer than {MAX_HEAD_BYTES} bytes.")
    if not head.endswith(_END_OF_LINE * 2):
        raise MalformedHead("The request's head has a line that does not end with CR LF.")
    request_line, *lines = head[: -2 * len(_END_OF_LINE)].split(_END_OF_LINE)
    found = _REQUEST_LINE.fullmatch(request_line)
    if found is None:
        raise MalformedHead("The request line is not METHOD /path HTTP/1.1.")
    if len(lines) > MAX_FIELDS:
        raise MalformedHead(f"The request has more than {MAX_FIELDS} headers.")
    fields = [_field(line) for line in lines]
    _check_framing(fields, needs_host=found[1] == b"1")
    kept = [line for (name, _), line in zip(fields, lines, strict=True) if name != b"cookie"]
    if any(len(line + _END_OF_LINE) > MAX_LINE_BYTES for line in (request_line, *kept)):
        raise MalformedHead(f"A line of the request's head is longer than {MAX_LINE_BYTES} bytes.")
    return _END_OF_LINE.join([request_line, *kept, b"", b""])


def _field(line: bytes) -> tuple[bytes, bytes]:
    found = _FIELD.fullmatch(line)
    if found is None:
        raise MalformedHead("A header is not `name: value` on one line that ends with CR LF.")
    return found[1].lower(), found[2].strip(b" \t")


def _check_framing(fields: list[tuple[bytes, bytes]], *, needs_host: bool) -> None:
    """Raise MalformedHead unless the body's length has one reading (RFC 9112, 6.3)."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        # A proxy or a library may read `Content_Length` as `Content-Length`.
        values.setdefault(name.replace(b"_", b"-"), []).append(value)
    if b"transfer-encoding" in values:
        raise MalformedHead("Transfer-Encoding is not supported. Send Content-Length.")
    lengths = values.get(b"content-length", [])
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
        raise MalformedHead("Content-Length is not one number.")
    hosts = values.get(b"host", [])
    if len(hosts) > 1 or (needs_host and not hosts):
        raise MalformedHead("The request does not have one Host header.")
