"""Serve files with ranges on loopback, wait before each answer, and count requests and bytes."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

_PIECE = 64 * 1024
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})")


@dataclass
class Account:
    """The requests of one run, and the bytes of the bodies that were sent."""

    path: Path
    latency: float
    requests: int = 0
    bytes_sent: int = 0


class RangeServer:
    """Each run has a URL of its own, so that a late request of one run is never counted in the next."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        handler = type("Handler", (_Handler,), {"accounts": self._accounts})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def expect(self, path: Path, latency: float) -> tuple[str, Account]:
        """Return a new URL of this file, and the counts that grow while it is read."""
        account = Account(path, latency)
        target = f"/{len(self._accounts)}/{path.name}"
        self._accounts[target] = account
        return f"http://127.0.0.1:{self._server.server_port}{target}", account

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    accounts: ClassVar[dict[str, Account]]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        # A small send buffer, because bytes in it would count although the client disconnects early.
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PIECE)
        super().setup()

    def do_GET(self) -> None:
        account = self.accounts.get(self.path)
        if account is None:
            self._answer(HTTPStatus.NOT_FOUND, {"Content-Length": "0"})
            return
        account.requests += 1
        time.sleep(account.latency)
        with account.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            headers = {"ETag": f'"{size:x}"', "Accept-Ranges": "bytes", "Content-Type": "video/mp4"}
            asked = _RANGE.fullmatch(self.headers.get("Range", "bytes=0-"))
            start = int(asked[1]) if asked else size
            if asked is None or start >= size:
                headers |= {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
                self._answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers)
                return
            end = min(int(asked[2]) + 1, size) if asked[2] else size
            headers["Content-Length"] = str(end - start)
            if "Range" in self.headers:
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
            try:
                self._answer(
                    HTTPStatus.PARTIAL_CONTENT if "Range" in self.headers else HTTPStatus.OK, headers
                )
                while start < end:
                    sent = os.sendfile(
                        self.connection.fileno(), file.fileno(), start, min(_PIECE, end - start)
                    )
                    if sent == 0:
                        break
                    account.bytes_sent += sent
                    start += sent
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    def _answer(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing, because the counts are the log."""
