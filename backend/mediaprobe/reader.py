"""Reads at any offset of a source with few requests, within the budget of the probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mediaprobe.budget import Spending
from mediaprobe.errors import SourceChanged
from mediaprobe.source import RangeSource

KIB = 1024
MIB = 1024 * KIB

# The time over 48 files at 30 ms a request is the same from 16 to 256 KiB (docs/decisions/0012-own-metadata-reader.md).
BLOCK = 64 * KIB
# The first two reads contain nearly every header. Later reads are of single boxes, such as the next track or the last
# fragment. For them a quarter is enough, and eight requests stay below 256 KiB.
WIDE_READS = 2
JUMP = 16 * KIB
# A read that continues the last one doubles the window up to this.
MAX_WINDOW = 1 * MIB
CACHE_BYTES = 4 * MIB
# A read of 2 ** 14 bytes takes one more unit of work, and so do this many rows of a table.
_BYTES_A_UNIT_SHIFT = 14
ROWS_A_UNIT = 8


class Reader(Protocol):
    """Returns the bytes at an offset, fewer or none past the end."""

    @property
    def size(self) -> int: ...

    @property
    def spending(self) -> Spending: ...

    def read(self, offset: int, length: int) -> bytes: ...

    def has_cached(self, offset: int, length: int) -> bool: ...


class MemoryReader:
    """Bytes already in memory, such as an inflated header."""

    def __init__(self, data: bytes, spending: Spending) -> None:
        self._data = data
        self.spending = spending
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        if offset < 0 or offset >= end:
            self.spending.count_work(1)
            return b""
        self.spending.count_work(1 + (end - offset >> _BYTES_A_UNIT_SHIFT))
        return self._data[offset:end]

    def has_cached(self, offset: int, length: int) -> bool:  # noqa: ARG002 (all of it is in memory)
        return True


@dataclass(slots=True)
class _Extent:
    start: int
    data: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.data)


class BlockReader:
    """Fetches and caches windows of a source. The first response has its size and ETag, so no HEAD is needed."""

    def __init__(self, source: RangeSource, spending: Spending) -> None:
        self._source = source
        self.spending = spending
        self._count_work = spending.count_work
        # Most recently used first. The list is short, because a request adds one extent.
        self._extents: list[_Extent] = []
        self._etag: str | None = None
        self._window = BLOCK
        self._last_end = 0
        self.size = 0
        first = self._fetch(0, BLOCK, known_size=False)
        self._last_end = first.end

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes that exist in [offset, offset + length)."""
        end = min(offset + length, self.size)
        if offset < 0 or offset >= end:
            self._count_work(1)
            return b""
        self._count_work(1 + (end - offset >> _BYTES_A_UNIT_SHIFT))
        extent = self._at(offset, end)
        if end <= extent.end:
            return extent.data[offset - extent.start : end - extent.start]
        pieces = [extent.data[offset - extent.start :]]
        while (offset := extent.end) < end:
            extent = self._at(offset, end)
            pieces.append(extent.data[offset - extent.start : end - extent.start])
        return b"".join(pieces)

    def has_cached(self, offset: int, length: int) -> bool:
        """Return whether reading these bytes costs no request."""
        end = min(offset + length, self.size)
        return offset >= end or any(e.start <= offset and end <= e.end for e in self._extents)

    def _at(self, offset: int, end: int) -> _Extent:
        """Return the extent with this offset, and fetch it if it is not cached."""
        for index, extent in enumerate(self._extents):
            if extent.start <= offset < extent.end:
                if index:
                    self._extents.insert(0, self._extents.pop(index))
                return extent
        # A read a little past the last one also continues it, because walking over frames skips some bytes.
        if self._last_end <= offset < self._last_end + self._window // 4:
            self._window = min(self._window * 2, MAX_WINDOW)
        else:
            self._window = BLOCK if self.spending.requests < WIDE_READS else JUMP
        stop = min(max(offset + self._window, end), self.size)
        stop = min([stop, *(e.start for e in self._extents if e.start > offset)])
        extent = self._fetch(offset, stop - offset, known_size=True)
        self._last_end = extent.end
        return extent

    def _fetch(self, start: int, length: int, *, known_size: bool) -> _Extent:
        self.spending.count_request(length)
        self._evict(length)
        answer = self._source.read_range(start, length, self._etag)
        if known_size:
            if answer.size != self.size or len(answer.data) < length:
                raise SourceChanged("The file changed its size while it was being read. Try again.")
        else:
            self.size = answer.size
            self._etag = answer.etag
            if len(answer.data) < min(length, answer.size):
                raise SourceChanged("The file is shorter than its announced size. Try again.")
        extent = _Extent(start, answer.data[:length])
        self._extents.insert(0, extent)
        return extent

    def _evict(self, length: int) -> None:
        """Drop the least recently used extents, so that `length` new bytes fit."""
        cached = length
        for index, extent in enumerate(self._extents):
            cached += len(extent.data)
            if cached > CACHE_BYTES:
                del self._extents[index:]
                break
