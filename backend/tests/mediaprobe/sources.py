"""A source that counts requests and bytes, and a sparse source of any size."""

from __future__ import annotations

from mediaprobe import Budget, Metadata, RangeAnswer, RangeSource
from mediaprobe.budget import Spending
from mediaprobe.probing import probe_within

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


class CountingSource:
    """Reads another source, and counts requests and bytes. `measure` adds the units of work."""

    def __init__(self, source: RangeSource) -> None:
        self._source = source
        self.work = 0
        self.ranges: list[tuple[int, int]] = []
        self.bytes_read = 0

    @property
    def requests(self) -> int:
        return len(self.ranges)

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:
        answer = self._source.read_range(start, length, etag)
        self.ranges.append((start, length))
        self.bytes_read += len(answer.data)
        return answer


class SparseSource:
    """A file of any size that is zero except for some pieces."""

    def __init__(self) -> None:
        self._pieces: list[tuple[int, bytes]] = []
        self.size = 0

    def add(self, data: bytes) -> SparseSource:
        """Append bytes at the end."""
        self._pieces.append((self.size, data))
        self.size += len(data)
        return self

    def skip(self, length: int) -> SparseSource:
        """Append zeros that take no memory."""
        self.size += length
        return self

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:
        end = min(start + length, self.size)
        data = bytearray(max(0, end - start))
        for offset, piece in self._pieces:
            low, high = max(start, offset), min(end, offset + len(piece))
            if low < high:
                data[low - start : high - start] = piece[low - offset : high - offset]
        return RangeAnswer(bytes(data), self.size, etag or '"sparse"')


def measure(source: RangeSource, budget: Budget | None = None) -> tuple[Metadata, CountingSource]:
    """Return the metadata, and the source with its counts."""
    counting = CountingSource(source)
    return probe_counted(counting, budget), counting


def probe_counted(source: CountingSource, budget: Budget | None = None) -> Metadata:
    """Return the metadata, and set the source's count of work also if the probe fails."""
    spending = Spending(budget or Budget())
    try:
        return probe_within(source, spending)
    finally:
        source.work = spending.work
