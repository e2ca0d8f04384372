"""Sources of bytes in memory and in a file."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from mediaprobe.errors import SourceChanged

CHANGED = "The file was replaced while it was being read. Try again."


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


class ClosingSource:
    """A source that a `with` statement closes."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FileSource(ClosingSource):
    """A local file. Its inode, size and modification time serve as its ETag."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # Without O_NONBLOCK a named pipe would wait for its writer.
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            os.close(opened)
            raise OSError("it is no regular file")
        self._file = os.fdopen(opened, "rb", buffering=0)

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:
        status = os.fstat(self._file.fileno())
        version = f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"
        if etag is not None and etag != version:
            raise SourceChanged(CHANGED)
        return RangeAnswer(os.pread(self._file.fileno(), length, start), status.st_size, version)

    def close(self) -> None:
        self._file.close()
