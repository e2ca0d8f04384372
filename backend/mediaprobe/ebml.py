"""Reads the elements of an EBML document (RFC 8794), one level at a time."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from mediaprobe.reader import Reader


# Not frozen, because making a frozen one takes twice as long, and a header has hundreds.
@dataclass(slots=True)
class Element:
    """One element. An element of unknown or too large size ends where its parent ends.

    `stop` is the end that the size states.
    """

    id: int
    start: int
    body: int
    end: int
    unknown: bool
    stop: int

    @property
    def cut(self) -> bool:
        return self.stop > self.end


def element_at(reader: Reader, start: int, end: int) -> Element | None:
    head = reader.read(start, min(12, end - start))
    if not head or head[0] < 0x10:
        return None
    id_length = 9 - head[0].bit_length()
    if len(head) <= id_length or head[id_length] == 0:
        return None
    size_length = 9 - head[id_length].bit_length()
    body = start + id_length + size_length
    if len(head) < id_length + size_length:
        return None
    ones = (1 << (7 * size_length)) - 1
    size = int.from_bytes(head[id_length : id_length + size_length], "big") & ones
    unknown = size == ones
    stop = end if unknown else body + size
    return Element(int.from_bytes(head[:id_length], "big"), start, body, min(stop, end), unknown, stop)


def elements(reader: Reader, start: int, end: int) -> Iterator[Element]:
    """Yield the elements of one level, up to the first bytes that are no element.

    Only the probe's budget limits them.
    """
    while (element := element_at(reader, start, end)) is not None:
        yield element
        start = element.end


def unsigned(reader: Reader, element: Element) -> int:
    return int.from_bytes(reader.read(element.body, min(8, element.end - element.body)), "big")


def floating(reader: Reader, element: Element) -> float:
    """Return a float of 4 or 8 bytes. Another length is 0, as an empty float is (RFC 8794, 7.3)."""
    data = reader.read(element.body, min(8, element.end - element.body))
    kinds = {4: ">f", 8: ">d"}
    value: float = struct.unpack(kinds[len(data)], data)[0] if len(data) in kinds else 0.0
    return value


def text(reader: Reader, element: Element) -> str:
    data = reader.read(element.body, min(256, element.end - element.body))
    return data.split(b"\0")[0].decode("utf-8", "replace")


def binary(reader: Reader, element: Element, most: int) -> bytes:
    return reader.read(element.body, min(most, element.end - element.body))
