"""Where the bytes come from: one small protocol, and sources for memory, a file and an HTTP URL."""

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
    """The bytes that exist in the asked range, the size of the whole, and its version if it has one."""

    data: bytes
    size: int
    etag: str | None


class RangeSource(Protocol):
    """Anything that can answer a ranged read.

    The first call has no etag; later calls pass the one learnt, as If-Match does. An object that is no
    longer that version raises `SourceChanged`; what the transport raises passes through.
    """

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer: ...


class BytesSource:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:  # noqa: ARG002 (bytes do not change)
        return RangeAnswer(self._data[start : start + length], len(self._data), None)


class FileSource:
    """A local file, opened once; its inode, size and time of change stand for an ETag."""

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
    """One HTTP(S) URL, read with Range and If-Match over one kept connection.

    Redirects are not followed: the only host spoken to is the one in the URL.
    """

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        parts = urlsplit(url)
        if parts.hostname is None or parts.scheme not in ("http", "https"):
            raise ValueError("an http or https URL is needed")
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._connection = http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=timeout, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        self._used = False

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:
        headers = {"Range": f"bytes={start}-{start + length - 1}", "Accept-Encoding": "identity"}
        if etag is not None:
            headers["If-Match"] = etag
        try:
            response = self._request(headers)
            return self._answer(response, start, length)
        except BaseException:
            # A half-read answer must not be taken for the next one.
            self._connection.close()
            raise

    def _request(self, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Send once; once more when a kept connection turns out to have been closed by the server."""
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
        # If-Match compares strongly (RFC 9110, 13.1.1): a weak tag would never match.
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
        """A server without ranges sends everything: take what was asked for and hang up."""
        size = response.headers.get("Content-Length", "")
        if start != 0 or not size.isdecimal():
            raise OSError("the server does not answer ranged requests")
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
    """The whole size out of `Content-Range: bytes 0-65535/1234567`."""
    match = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})", response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != start:
        raise OSError("the server answered another range than the one asked for")
    return int(match[2])
