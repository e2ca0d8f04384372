"""A source of bytes at an HTTP URL. `http.client` and `ssl` take as long to import as the rest of the reader."""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mediaprobe.budget import Budget
from mediaprobe.errors import BudgetExceeded, SourceChanged
from mediaprobe.source import CHANGED, ClosingSource, RangeAnswer

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# More than the head of any response
_MAX_HEAD = 64 * 1024


class HttpSource(ClosingSource):
    """One HTTP(S) URL, read with Range and If-Match over a persistent connection.

    All reads together may take `seconds`, which begin with the first one, and then raise `BudgetExceeded`. An answer
    that is not the requested range raises `OSError`. Redirects are not followed, so that requests go only to the
    URL's host.
    """

    def __init__(
        self,
        url: str,
        *,
        seconds: float = Budget().seconds,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        address = urlsplit(url)
        if address.hostname is None or address.scheme not in ("http", "https"):
            raise ValueError("the URL must be http or https")
        self._target = (address.path or "/") + (f"?{address.query}" if address.query else "")
        secure = address.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection: http.client.HTTPConnection = kind(address.hostname, address.port)
        self._wire: _LimitedSocket | None = None
        self._context = ssl.create_default_context() if secure else None
        self._seconds = seconds
        self._clock = clock
        self._deadline: float | None = None
        self._used = False
        # ETag or else Last-Modified of the first answer, and empty if it has neither
        self._version: str | None = None

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:
        headers = {"Range": f"bytes={start}-{start + length - 1}", "Accept-Encoding": "identity"}
        if etag is not None:
            headers["If-Match"] = etag
        if self._version == "":
            raise OSError("the server sends neither ETag nor Last-Modified, so a change would not be noticed")
        try:
            response = self._request(headers, length)
            self._check(response)
            answer = _answer(response, start, length)
        except TimeoutError:
            self._connection.close()
            raise self._late() from None
        except BaseException:
            # The rest of this response must not be read as the next one.
            self._connection.close()
            raise
        if response.status == 200:
            # The rest of the file follows.
            self._connection.close()
        return answer

    def _request(self, headers: dict[str, str], length: int) -> http.client.HTTPResponse:
        """Send the request. Repeat it once if the server has closed a connection that was used before."""
        for last_try in (not self._used, True):
            self._used = True
            try:
                if self._wire is None or self._connection.sock is None:
                    self._wire = self._connection.sock = self._connect()
                self._wire.allow(length + _MAX_HEAD)
                self._connection.request("GET", self._target, headers=headers)
                return self._connection.getresponse()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self._connection.close()
                if last_try:
                    raise
        raise AssertionError("unreachable")

    def _connect(self) -> _LimitedSocket:
        host = self._connection.host
        plain = socket.create_connection((host, self._connection.port), self._seconds_left())
        try:
            plain.settimeout(self._seconds_left())
            wire = self._context.wrap_socket(plain, server_hostname=host) if self._context else plain
        except BaseException:
            plain.close()
            raise
        return _LimitedSocket(wire, self._seconds_left)

    def _seconds_left(self) -> float:
        now = self._clock()
        if self._deadline is None:
            self._deadline = now + self._seconds
        if now >= self._deadline:
            raise self._late()
        return self._deadline - now

    def _late(self) -> BudgetExceeded:
        return BudgetExceeded(f"The server took longer than {self._seconds:g} seconds to send the header.")

    def _check(self, response: http.client.HTTPResponse) -> None:
        """Check that the answer is of the same object as the first one. Some servers ignore If-Match."""
        if response.status == 412:
            raise SourceChanged(CHANGED)
        if response.status not in (200, 206, 416):
            raise OSError(f"the server answered {response.status} {response.reason}")
        version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        if self._version is None:
            self._version = version
        elif version != self._version:
            raise SourceChanged(CHANGED)

    def close(self) -> None:
        self._connection.close()


class _LimitedSocket:
    """A socket as `http.client` uses it. Each call has only the time that is left, and reads only what is allowed."""

    def __init__(self, wire: socket.socket, seconds_left: Callable[[], float]) -> None:
        self._wire = wire
        self._seconds_left = seconds_left
        self._allowed = 0

    def allow(self, length: int) -> None:
        """Set how many bytes the next response may have, with its head."""
        self._allowed = length

    def sendall(self, data: bytes) -> None:
        self._wire.settimeout(self._seconds_left())
        self._wire.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        if mode != "rb":
            raise ValueError("http.client only reads from the file")
        return io.BufferedReader(_LimitedReader(self, self._wire.makefile("rb", buffering=0)))

    def receive(self, file: io.RawIOBase, buffer: WriteableBuffer) -> int | None:
        if self._allowed <= 0:
            raise OSError("the server sent more than was requested")
        self._wire.settimeout(self._seconds_left())
        count = file.readinto(buffer)
        self._allowed -= count or 0
        return count

    def close(self) -> None:
        self._wire.close()


class _LimitedReader(io.RawIOBase):
    def __init__(self, limited: _LimitedSocket, file: io.RawIOBase) -> None:
        self._limited = limited
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        return self._limited.receive(self._file, buffer)

    def close(self) -> None:
        # The socket closes when the last file of it is closed.
        self._file.close()
        super().close()


def _answer(response: http.client.HTTPResponse, start: int, length: int) -> RangeAnswer:
    etag = response.headers.get("ETag")
    # If-Match uses strong comparison (RFC 9110, 13.1.1), so a weak ETag never matches.
    strong = None if etag is None or etag.startswith("W/") else etag
    if response.status == 416:
        if start != 0 or response.headers.get("Content-Range", "bytes */0") != "bytes */0":
            raise _another_range()
        response.read(_MAX_HEAD // 2)
        return RangeAnswer(b"", 0, strong)
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise OSError("the server sent the file in an encoding that was not requested")
    if response.status == 206:
        total = _total(response, start, length)
        return RangeAnswer(_body(response, min(length, total - start)), total, strong)
    return _whole(response, start, length, strong)


def _another_range() -> OSError:
    return OSError("the server answered another range than requested")


def _total(response: http.client.HTTPResponse, start: int, length: int) -> int:
    """Return the complete length in `Content-Range: bytes 0-65535/1234567`."""
    match = re.fullmatch(
        r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", response.headers.get("Content-Range", ""), re.ASCII
    )
    if match is None:
        raise _another_range()
    first, last, total = (int(number) for number in match.groups())
    if first != start or last != min(start + length, total) - 1:
        raise _another_range()
    return total


def _body(response: http.client.HTTPResponse, length: int) -> bytes:
    """Return a body of exactly this length."""
    if response.length is not None and response.length != length:
        raise OSError(f"the server announced {response.length} bytes for a range of {length}")
    data = response.read(length)
    if len(data) < length:
        raise OSError(f"the server sent only {len(data)} bytes of a range of {length}")
    # Of a body without length this reads its end.
    if response.read(1):
        raise OSError(f"the server sent more than the {length} bytes of the range")
    return data


def _whole(response: http.client.HTTPResponse, start: int, length: int, etag: str | None) -> RangeAnswer:
    """Read the start of a whole response from a server without range support, and close the connection."""
    size = response.length
    if start != 0 or size is None:
        raise OSError("the server does not support range requests")
    wanted = min(length, size)
    data = response.read(wanted)
    if len(data) < wanted:
        raise OSError(f"the server sent only {len(data)} bytes of {size}")
    return RangeAnswer(data, size, etag)
