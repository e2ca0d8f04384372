"""A source that counts requests and bytes, and a sparse source of any size."""

from __future__ import annotations

from mediaprobe import Budget, Metadata, RangeAnswer, RangeSource, probe

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


class CountingSource:
    """Reads another source, and counts requests and bytes."""

    def __init__(self, source: RangeSource) -> None:
        self._source = source
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
    return probe(counting, budget=budget or Budget()), counting
