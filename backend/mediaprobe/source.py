"""Sources of bytes in memory, in a file and at an HTTP URL."""

from __future__ import annotations

import http.client
import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

from mediaprobe.errors import SourceChanged

_CHANGED = "The file was replaced while it was being read. Try again."


@dataclass(frozen=True, slots=True)
class RangeAnswer:
    """The bytes of the range that exist, the size of the file, and its ETag if it has one."""

    data: bytes
    size: int
    etag: str | None


class RangeSource(Protocol):
    """Anything that can read a range of bytes.

    The first call has no ETag. Later calls pass the ETag of the first answer, like If-Match, and raise
    `SourceChanged` if the object has another one. Errors of the transport pass through.
    """

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer: ...


class BytesSource:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:  # noqa: ARG002 (bytes do not change)
        return RangeAnswer(self._data[start : start + length], len(self._data), None)


class FileSource:
    """A local file. Its inode, size and modification time serve as its ETag."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = Path(path).open("rb", buffering=0)

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:
        stat = os.fstat(self._file.fileno())
        version = f"{stat.st_ino}-{stat.st_size}-{stat.st_mtime_ns}"
        if etag is not None and etag != version:
            raise SourceChanged(_CHANGED)
        return RangeAnswer(os.pread(self._file.fileno(), length, start), stat.st_size, version)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class HttpSource:
    """One HTTP(S) URL, read with Range and If-Match over a persistent connection.

    Redirects are not followed, so that requests go only to the URL's host.
    """

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        address = urlsplit(url)
        if address.hostname is None or address.scheme not in ("http", "https"):
            raise ValueError("the URL must be http or https")
        self._target = (address.path or "/") + (f"?{address.query}" if address.query else "")
        self._connection: http.client.HTTPConnection
        if address.scheme == "https":
            context = ssl.create_default_context()
            self._connection = http.client.HTTPSConnection(
                address.hostname, address.port, timeout=timeout, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(address.hostname, address.port, timeout=timeout)
        self._used = False

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:
        headers = {"Range": f"bytes={start}-{start + length - 1}", "Accept-Encoding": "identity"}
        if etag is not None:
            headers["If-Match"] = etag
        try:
            response = self._request(headers)
            return self._answer(response, start, length)
        except BaseException:
            # The rest of this response must not be read as the next one.
            self._connection.close()
            raise

    def _request(self, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Send the request. Repeat it once if the server has closed a connection that was used before."""
        for last_try in (not self._used, True):
            self._used = True
            try:
                self._connection.request("GET", self._target, headers=headers)
                return self._connection.getresponse()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self._connection.close()
                if last_try:
                    raise
        raise AssertionError("unreachable")

    def _answer(self, response: http.client.HTTPResponse, start: int, length: int) -> RangeAnswer:
        etag = response.headers.get("ETag")
        # If-Match uses strong comparison (RFC 9110, 13.1.1), so a weak ETag never matches.
        strong = None if etag is None or etag.startswith("W/") else etag
        if response.status == 206:
            return RangeAnswer(self._body(response, length), _total(response, start), strong)
        if response.status == 200:
            return self._whole(response, start, length, strong)
        if response.status == 416 and start == 0:
            self._body(response, 64 * 1024)
            return RangeAnswer(b"", 0, strong)
        if response.status == 412:
            raise SourceChanged(_CHANGED)
        raise OSError(f"the server answered {response.status} {response.reason}")

    def _whole(
        self, response: http.client.HTTPResponse, start: int, length: int, etag: str | None
    ) -> RangeAnswer:
        """Read the start of a whole response from a server without range support, and close the connection."""
        size = response.headers.get("Content-Length", "")
        if start != 0 or not size.isdecimal():
            raise OSError("the server does not support range requests")
        data = response.read(length)
        self._connection.close()
        return RangeAnswer(data, int(size), etag)

    def _body(self, response: http.client.HTTPResponse, length: int) -> bytes:
        data = response.read(length)
        if response.read(1):
            self._connection.close()
        return data

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _total(response: http.client.HTTPResponse, start: int) -> int:
    """Return the complete length in `Content-Range: bytes 0-65535/1234567`."""
    match = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})", response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != start:
        raise OSError("the server answered another range than requested")
    return int(match[2])
