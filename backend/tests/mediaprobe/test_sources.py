"""FileSource and HttpSource."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mediaprobe import FileSource, HttpSource, SourceChanged, UnsupportedContainer, probe


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

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore errors, because in some tests the client disconnects early."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/video?signature=abc"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
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
        elif self.headers.get("If-Match", store.etag) != store.etag:
            self._send(412, b"<Error>PreconditionFailed</Error>", {})
        elif not store.object:
            self._send(416, b"<Error>InvalidRange</Error>", {"Content-Range": "bytes */0"})
        else:
            wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
            assert wanted is not None
            start, end = int(wanted[1]), min(int(wanted[2]), len(store.object) - 1)
            shift = 1 if store.mode == "other range" else 0
            tag = "W/" + store.etag if store.mode == "weak" else store.etag
            headers = {"ETag": tag, "Content-Range": f"bytes {start + shift}-{end}/{len(store.object)}"}
            self._send(206, store.object[start : end + 1], headers)
        if store.mode == "closing":
            # Close without `Connection: close`, as a server does after its idle timeout.
            self.close_connection = True

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


def test_rejects_wrong_range(store: Store) -> None:
    store.mode = "other range"
    with HttpSource(store.url) as source, pytest.raises(OSError, match="another range"):
        probe(source)


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
