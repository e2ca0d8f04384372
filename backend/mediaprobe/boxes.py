"""Reads the boxes of an ISO base media file (ISO/IEC 14496-12, 4.2), one level at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mediaprobe.reader import Reader


# Not frozen, because making a frozen one takes twice as long, and a header has hundreds.
@dataclass(slots=True)
class Box:
    """One box. If its size exceeds its parent, `end` is the parent's end. `stop` is the end that the size states."""

    type: bytes
    start: int
    body: int
    end: int
    stop: int

    @property
    def cut(self) -> bool:
        return self.stop > self.end


def boxes(reader: Reader, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes of one level, up to the first bytes that are no box. Only the probe's budget limits them."""
    while True:
        head = reader.read(start, min(16, end - start))
        if len(head) < 8:
            return
        size, kind, header = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1 and len(head) == 16:
            size, header = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = end - start
        if size < header:
            return
        stop = start + size
        yield Box(kind, start, start + header, min(stop, end), stop)
        start = stop


def find(reader: Reader, parent: Box, *types: bytes) -> dict[bytes, Box]:
    """Return the first child of each type that has content, without reading past the last one that is found."""
    found: dict[bytes, Box] = {}
    for box in boxes(reader, parent.body, parent.end):
        if box.type in types and box.type not in found and box.body < box.end:
            found[box.type] = box
            if len(found) == len(types):
                break
    return found


def body(reader: Reader, box: Box, most: int) -> bytes:
    """Return at most the first `most` bytes of a box's content."""
    return reader.read(box.body, min(box.end - box.body, most))


def u16(data: bytes, offset: int) -> int:
    """Return a big-endian number, or 0 past the end of the data."""
    return int.from_bytes(data[offset : offset + 2], "big")


def u32(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "big")


def u64(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 8], "big")


def i32(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "big", signed=True)
