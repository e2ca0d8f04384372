"""A request with two readings of its length or its lines is refused, and its connection closed."""

from collections.abc import Iterator

import pytest

from localstore import request_head
from localstore.request_head import MalformedHead
from tests.engines.embedded import EmbeddedStore
from tests.localstore.raw import connect, exchange, part_request, read_to_end
from tests.localstore.s3 import OpenUpload, begin_upload

CHUNKED = b"12c\r\n" + b"x" * 300 + b"\r\n0\r\n\r\n"

SHAPES: dict[str, tuple[list[str], bytes]] = {
    "chunked in place of the length": (["Transfer-Encoding: chunked"], CHUNKED),
    "length and chunked": (["Content-Length: 1", "Transfer-Encoding: chunked"], CHUNKED),
    "chunked and length": (["Transfer-Encoding: chunked", "Content-Length: 1"], CHUNKED),
    "chunked in capitals": (["Content-Length: 1", "TRANSFER-ENCODING: CHUNKED"], CHUNKED),
    "chunked after a tab": (["Content-Length: 1", "Transfer-Encoding:\tchunked"], CHUNKED),
    "chunked behind another coding": (["Content-Length: 1", "Transfer-Encoding: gzip, chunked"], CHUNKED),
    "chunked twice": (
        ["Content-Length: 1", "Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        CHUNKED,
    ),
    "another coding": (["Content-Length: 1", "Transfer-Encoding: identity"], b"x"),
    "no coding": (["Content-Length: 1", "Transfer-Encoding:"], b"x"),
    "underscore in Transfer_Encoding": (["Content-Length: 1", "Transfer_Encoding: chunked"], CHUNKED),
    "space before the colon": (["Content-Length: 1", "Transfer-Encoding : chunked"], CHUNKED),
    "space before the name": (["Content-Length: 1", " Transfer-Encoding: chunked"], CHUNKED),
    "folded line": (["Content-Length: 1", "X-A: b", " Transfer-Encoding: chunked"], CHUNKED),
    "folded value": (["Content-Length: 1", "Transfer-Encoding:", "\tchunked"], CHUNKED),
    "line feed alone": (["Content-Length: 1\nTransfer-Encoding: chunked"], CHUNKED),
    "carriage return alone": (["Content-Length: 1\rTransfer-Encoding: chunked"], CHUNKED),
    "zero byte in a value": (["Content-Length: 1", "X-A: \0b"], b"x"),
    "zero byte in a name": (["Content-Length: 1", "X\0A: b"], b"x"),
    "name outside ASCII": (["Content-Length: 1", "Transfer-Encod\xefng: chunked"], CHUNKED),
    "line without a colon": (["Content-Length: 1", "Transfer-Encoding"], b"x"),
    "line without a name": (["Content-Length: 1", ": chunked"], b"x"),
    "two lengths": (["Content-Length: 1", "Content-Length: 5"], b"xxxxx"),
    "one length twice": (["Content-Length: 1", "Content-Length: 1"], b"x"),
    "two lengths in one line": (["Content-Length: 1, 5"], b"xxxxx"),
    "length with a sign": (["Content-Length: +1"], b"x"),
    "negative length": (["Content-Length: -1"], b"x"),
    "length with an underscore": (["Content-Length: 1_0"], b"x" * 10),
    "hexadecimal length": (["Content-Length: 0x1"], b"x"),
    "length in words": (["Content-Length: one"], b"x"),
    "empty length": (["Content-Length:"], b"x"),
    "length with inner space": (["Content-Length: 1 0"], b"x" * 10),
    "underscore in Content_Length": (["Content-Length: 1", "Content_Length: 5"], b"xxxxx"),
    "second host": (["Content-Length: 1", "Host: elsewhere.example"], b"x"),
}


@pytest.fixture
def upload(store: EmbeddedStore) -> Iterator[OpenUpload]:
    begun = begin_upload(store)
    yield begun
    assert begun.listed_parts() == [], "nothing was stored"


@pytest.mark.parametrize("shape", SHAPES)
def test_request_with_two_readings_is_refused(upload: OpenUpload, shape: str) -> None:
    headers, body = SHAPES[shape]
    hidden = b"GET /healthcheck HTTP/1.1\r\nHost: a\r\n\r\n"

    answer = exchange(upload.store, part_request(upload, *headers) + body + hidden)

    assert answer.statuses == [400], "one answer, and the rest is not read as a request"
    assert answer.headers["connection"] == "close"
    assert "<Error><Code>InvalidRequest</Code>" in answer.text


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /healthcheck",
        "GET /healthcheck HTTP/0.9",
        "GET /healthcheck HTTP/2.0",
        "GET /healthcheck HTTP/1.1 HTTP/1.1",
        "GET  /healthcheck HTTP/1.1",
        "GET\t/healthcheck\tHTTP/1.1",
        "GET http://127.0.0.1/healthcheck HTTP/1.1",
        "GET healthcheck HTTP/1.1",
        "GET /health\x7fcheck HTTP/1.1",
        "GET /healthcheck\xe9 HTTP/1.1",
        "get /healthcheck HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT 127.0.0.1:22 HTTP/1.1",
        "PRI * HTTP/2.0",
    ],
)
def test_other_request_lines_are_refused(store: EmbeddedStore, request_line: str) -> None:
    answer = exchange(store, request_line.encode("latin-1") + b"\r\nHost: a\r\n\r\n")

    assert answer.statuses == [400]
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "start", [b"\r\n", b"\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", b"\0\r\n"]
)
def test_bytes_that_are_no_request_are_refused(store: EmbeddedStore, start: bytes) -> None:
    answer = exchange(store, start + b"GET /healthcheck HTTP/1.1\r\nHost: a\r\n\r\n")

    assert answer.statuses == [400]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_body_of_request_without_one_is_refused(store: EmbeddedStore, method: str) -> None:
    upload = begin_upload(store)
    url = part_request(upload).split(b" ")[1].decode()
    head = f"{method} {url} HTTP/1.1\r\nHost: a\r\nOrigin: http://127.0.0.1:8000\r\nConnection: close\r\n"

    answer = exchange(store, f"{head}Content-Length: 5\r\n\r\nabcde".encode())

    assert answer.statuses[0] in (400, 403)


def test_connection_serves_requests_in_turn(store: EmbeddedStore) -> None:
    upload = begin_upload(store)
    part = part_request(upload, "Content-Length: 1") + b"x"
    last = b"GET /healthcheck HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    answer = exchange(store, part + part + last)

    assert answer.statuses == [200, 200, 200]


def test_head_may_come_byte_by_byte(store: EmbeddedStore) -> None:
    with connect(store) as connection:
        for byte in b"GET /healthcheck HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n":
            connection.sendall(bytes([byte]))
        assert read_to_end(connection).statuses == [200]


def test_old_proxies_speak_http_1_0(store: EmbeddedStore) -> None:
    """nginx does so by default."""
    upload = begin_upload(store)

    answer = exchange(store, part_request(upload, "Content-Length: 1", version="HTTP/1.0") + b"x")

    assert answer.statuses == [200]
    assert upload.listed_parts() == [1]


def head_of(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in ("GET / HTTP/1.1", "Host: a", *lines, "")).encode("latin-1")


def test_cookies_do_not_reach_swift() -> None:
    cookie = "Cookie: " + "c" * (request_head.MAX_LINE_BYTES + 1)

    assert request_head.check(head_of("X-A: b", cookie, "X-C: d")) == head_of("X-A: b", "X-C: d")


@pytest.mark.parametrize(
    "lines",
    [["X: " + "a" * request_head.MAX_LINE_BYTES], [f"X-{n}: a" for n in range(request_head.MAX_FIELDS)]],
    ids=["long line", "many headers"],
)
def test_large_heads_are_refused(lines: list[str]) -> None:
    with pytest.raises(MalformedHead):
        request_head.check(head_of(*lines))


@pytest.mark.parametrize("value", ["", "a", "\xe9", "a\tb", " a "])
def test_values_of_rfc_9110_are_taken(value: str) -> None:
    head = head_of(f"X-A:{value}")

    assert request_head.check(head) == head
