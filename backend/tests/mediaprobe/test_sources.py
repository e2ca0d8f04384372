"""FileSource and HttpSource, with servers that are slow, that lie, and whose object changes."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mediaprobe import BudgetExceeded, FileSource, HttpSource, SourceChanged, UnsupportedContainer, probe


class Store(ThreadingHTTPServer):
    """A server of one object that answers range requests as S3 does."""

    daemon_threads = True

    def __init__(self, data: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.object = data
        self.etag = '"v1"'
        self.mode = "ranges"
        self.requests: list[dict[str, str]] = []
        self.connections = 0
        self.stopping = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore errors, because in some tests the client disconnects early."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/video?signature=abc"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Store

    def setup(self) -> None:
        self.server.connections += 1
        super().setup()

    def do_GET(self) -> None:
        store = self.server
        store.requests.append({**{k.lower(): v for k, v in self.headers.items()}, "path": self.path})
        if store.mode == "moved":
            self._send(302, b"", {"Location": "http://127.0.0.1:1/elsewhere"})
        elif store.mode == "plain":
            self._send(200, store.object, {"ETag": store.etag})
        elif store.mode in ANSWERS:
            # The client may leave first.
            with suppress(ConnectionError):
                ANSWERS[store.mode](self)
        elif self.headers.get("If-Match", store.etag) != store.etag:
            self._send(412, b"<Error>PreconditionFailed</Error>", {})
        elif not store.object:
            self._send(416, b"<Error>InvalidRange</Error>", {"Content-Range": "bytes */0"})
        else:
            start, end = self.wanted()
            tag = "W/" + store.etag if store.mode == "weak" else store.etag
            headers = {"ETag": tag, "Content-Range": f"bytes {start}-{end}/{len(store.object)}"}
            self._send(206, store.object[start : end + 1], headers)
        if store.mode == "closing":
            # Close without `Connection: close`, as a server does after its idle timeout.
            self.close_connection = True

    def wanted(self) -> tuple[int, int]:
        """Return the first and the last offset of the requested range."""
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
        assert match is not None
        return int(match[1]), min(int(match[2]), len(self.server.object) - 1)

    def answer(
        self,
        *,
        shift: int = 0,
        longer: int = 0,
        total: int = 0,
        announced: int = 0,
        headers: dict[str, str] | None = None,
        in_head: Callable[[], None] = lambda: None,
        in_body: Callable[[], None] = lambda: None,
    ) -> None:
        """Answer the range, but lie about its start, the bytes sent, the complete length, or the bytes announced."""
        start, end = self.wanted()
        whole = self.server.object
        body = (whole + bytes(max(0, longer)))[start : end + 1 + longer]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start + shift}-{end + shift}/{len(whole) + total}")
        self.send_header("Content-Length", str(len(body) + announced))
        for name, value in ({"ETag": self.server.etag} | (headers or {})).items():
            if value:
                self.send_header(name, value)
        in_head()
        self.end_headers()
        self.wfile.write(body[:1000])
        in_body()
        self.wfile.write(body[1000:])
        self.close_connection = True

    def drip(self, data: bytes) -> None:
        """Send one byte after the other for 6 s, which is longer than the client's limit."""
        for byte in data[:600]:
            self.wfile.write(bytes([byte]))
            self.server.stopping.wait(0.01)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def store(samples: dict[str, bytes]) -> Iterator[Store]:
    # The padding moves the header out of the first window, so that it takes a second request.
    film = samples["mp4"]
    moov = film.index(b"moov") - 4
    padding = 200_000
    server = Store(film[:moov] + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8) + film[moov:])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.stopping.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_reads_url_by_ranges_over_one_connection(store: Store) -> None:
    with HttpSource(store.url) as source:
        found = probe(source)
    assert (found.width, found.height) == (320, 240)
    assert store.connections == 1
    assert store.requests[0]["range"] == "bytes=0-65535"
    assert "if-match" not in store.requests[0]
    assert {request["if-match"] for request in store.requests[1:]} == {'"v1"'}
    assert store.requests[0]["path"] == "/video?signature=abc"


def test_detects_replaced_object(store: Store) -> None:
    with HttpSource(store.url) as source:
        answer = source.read_range(0, 100, None)
        store.etag = '"v2"'
        with pytest.raises(SourceChanged):
            source.read_range(100, 100, answer.etag)


def test_reconnects_after_server_closes_connection(store: Store) -> None:
    store.mode = "closing"
    with HttpSource(store.url) as source:
        assert probe(source).video_codec == "h264"
    assert store.connections == len(store.requests) > 1


def test_does_not_send_weak_etag(store: Store) -> None:
    store.mode = "weak"
    with HttpSource(store.url) as source:
        probe(source)
    assert all("if-match" not in request for request in store.requests)


def test_does_not_follow_redirect(store: Store) -> None:
    store.mode = "moved"
    with HttpSource(store.url) as source, pytest.raises(OSError, match="302"):
        probe(source)


def test_server_without_ranges_serves_only_first_read(store: Store) -> None:
    store.mode = "plain"
    with HttpSource(store.url) as source:
        assert len(source.read_range(0, 1000, None).data) == 1000
        with pytest.raises(OSError, match="range requests"):
            source.read_range(1000, 1000, None)


def changed(handler: _Handler) -> None:
    """Ignore If-Match and give each answer another ETag, as a server behind a cache does."""
    handler.answer(headers={"ETag": f'"v{len(handler.server.requests)}"'})


def replaced_whole(handler: _Handler) -> None:
    """Ignore Range and If-Match from the second request on."""
    number = len(handler.server.requests)
    if number == 1:
        handler.answer()
    else:
        handler._send(200, handler.server.object, {"ETag": f'"v{number}"'})


def grows(handler: _Handler) -> None:
    """Keep the ETag although the object grows."""
    handler.server.object += bytes(1000)
    handler.answer()


def chunked(handler: _Handler, extra: int) -> None:
    start, end = handler.wanted()
    body = (handler.server.object + bytes(extra))[start : end + 1 + extra]
    handler.send_response(206)
    handler.send_header("ETag", handler.server.etag)
    handler.send_header("Content-Range", f"bytes {start}-{end}/{len(handler.server.object)}")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for at in range(0, len(body), 5000):
        piece = body[at : at + 5000]
        handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    handler.wfile.write(b"0\r\n\r\n")


def flood_of_heads(handler: _Handler) -> None:
    """Send 4 MB of interim responses (RFC 9110, 15.2) and then the answer."""
    handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 160_000)
    handler.answer()


def stall(handler: _Handler) -> None:
    """Say nothing for 6 s."""
    handler.server.stopping.wait(6)


ANSWERS: dict[str, Callable[[_Handler], None]] = {
    "drips the head": lambda h: h.drip(b"HTTP/1.1 206 Partial Content\r\nX: " + b"x" * 1000),
    "drips the body": lambda h: h.answer(in_body=lambda: h.drip(bytes(1000))),
    "stalls before the head": stall,
    "stalls in the head": lambda h: h.answer(in_head=lambda: stall(h)),
    "stalls in the body": lambda h: h.answer(in_body=lambda: stall(h)),
    "changes": changed,
    "changes to a whole answer": replaced_whole,
    "changes Last-Modified": lambda h: h.answer(
        headers={"ETag": "", "Last-Modified": f"number {len(h.server.requests)}"}
    ),
    "changes a weak ETag": lambda h: h.answer(headers={"ETag": f'W/"v{len(h.server.requests)}"'}),
    "drops its ETag": lambda h: h.answer(headers={} if len(h.server.requests) == 1 else {"ETag": ""}),
    "changes its size": grows,
    "other start": lambda h: h.answer(shift=1),
    "other total": lambda h: h.answer(total=1000 - len(h.server.object)),
    "shorter body": lambda h: h.answer(longer=-10, announced=10),
    "shorter announced": lambda h: h.answer(longer=-10),
    "longer body": lambda h: h.answer(longer=1000),
    "longer chunked body": lambda h: chunked(h, 1000),
    "chunked": lambda h: chunked(h, 0),
    "encoding": lambda h: h.answer(headers={"Content-Encoding": "gzip"}),
    "no ETag": lambda h: h.answer(headers={"ETag": ""}),
    "Last-Modified only": lambda h: h.answer(
        headers={"ETag": "", "Last-Modified": "Sat, 28 Nov 2026 23:00:00 GMT"}
    ),
    "flood of heads": flood_of_heads,
}


@pytest.mark.parametrize(
    "mode",
    [
        "drips the head",
        "drips the body",
        "stalls before the head",
        "stalls in the head",
        "stalls in the body",
    ],
)
def test_slow_server_ends_at_time_limit(store: Store, mode: str) -> None:
    store.mode = mode
    with HttpSource(store.url, seconds=0.3) as source, pytest.raises(BudgetExceeded, match=r"0\.3 seconds"):
        probe(source)


def test_time_limit_holds_for_all_requests_together(store: Store) -> None:
    now = [0.0]
    with HttpSource(store.url, clock=lambda: now[0]) as source:
        answer = source.read_range(0, 100, None)
        now[0] = 9.9
        source.read_range(100, 100, answer.etag)
        now[0] = 10.0
        with pytest.raises(BudgetExceeded, match="10 seconds"):
            source.read_range(200, 100, answer.etag)
    assert len(store.requests) == 2


@pytest.mark.parametrize(
    "mode",
    [
        *("changes", "changes to a whole answer", "changes Last-Modified", "changes a weak ETag"),
        *("drops its ETag", "changes its size"),
    ],
)
def test_detects_change_that_server_does_not_report(store: Store, mode: str) -> None:
    store.mode = mode
    with HttpSource(store.url) as source, pytest.raises(SourceChanged):
        probe(source)


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("other start", "another range"),
        ("other total", "another range"),
        ("shorter body", "only 65526 bytes"),
        ("shorter announced", "announced 65526 bytes"),
        ("longer body", "announced 66536 bytes"),
        ("longer chunked body", "more than the 65536 bytes"),
        ("encoding", "encoding"),
        ("no ETag", "neither ETag nor Last-Modified"),
        ("flood of heads", "more than was requested"),
    ],
)
def test_rejects_answer_that_is_not_the_range(store: Store, mode: str, says: str) -> None:
    store.mode = mode
    with HttpSource(store.url) as source, pytest.raises(OSError, match=says):
        probe(source)


@pytest.mark.parametrize("mode", ["chunked", "Last-Modified only"])
def test_reads_unusual_but_valid_answers(store: Store, mode: str) -> None:
    store.mode = mode
    with HttpSource(store.url) as source:
        assert probe(source).video_codec == "h264"


def test_empty_object_is_unsupported(store: Store) -> None:
    store.object = b""
    with HttpSource(store.url) as source, pytest.raises(UnsupportedContainer, match="empty"):
        probe(source)


@pytest.mark.parametrize("url", ["ftp://host/x", "file:///etc/passwd", "http://", "nonsense"])
def test_rejects_other_url_schemes(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        HttpSource(url)


def test_reads_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(range(100)))
    with FileSource(path) as source:
        answer = source.read_range(90, 50, None)
    assert (answer.data, answer.size) == (bytes(range(90, 100)), 100)


def test_named_pipe_is_no_source(tmp_path: Path) -> None:
    """Nobody writes to the pipe, so opening it as a file would never end."""
    os.mkfifo(tmp_path / "a")
    for path in (tmp_path / "a", tmp_path):
        with pytest.raises(OSError, match="regular file"):
            FileSource(path)


def test_detects_grown_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")
    with FileSource(path) as source:
        etag = source.read_range(0, 3, None).etag
        with path.open("ab") as file:
            file.write(b" and after")
            os.fsync(file.fileno())
        with pytest.raises(SourceChanged):
            source.read_range(3, 3, etag)
