"""Mutates videos in ways that break parsers, reproducibly from a seed."""

from __future__ import annotations

import random

# Sizes, counts and times that overflow, or are zero, negative or just above a limit.
_NUMBERS = (0, 1, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_CODES = (
    *b"moov trak mdia minf stbl stsd stts moof traf trun mvex cmov".split(),
    *b"sidx mfra free uuid edts elst avcC hvcC esds wave sinf".split(),
    *map(bytes.fromhex, "1f43b675 1a45dfa3 1654ae6b 1549a966 18538067 2ad7b1 4489 23e383 ae e0".split()),
    b"\x01\xff\xff\xff\xff\xff\xff\xff",
    *b"LIST hdrl strl strh strf odml movi RIFF".split(),
)


def mutate(data: bytes, generator: random.Random) -> bytes:
    """Return the data with one to six mutations, most of them in the headers."""
    mutated = bytearray(data)
    for _ in range(generator.randint(1, 6)):
        if not mutated:
            break
        _MUTATIONS[generator.randrange(len(_MUTATIONS))](mutated, generator)
    return bytes(mutated)


def _place(data: bytearray, generator: random.Random) -> int:
    """Return an offset, mostly near the start or the end, where headers are."""
    near = min(len(data), 2048)
    draw = generator.random()
    if draw < 0.5:
        return generator.randrange(near)
    if draw < 0.75:
        return len(data) - 1 - generator.randrange(near)
    return generator.randrange(len(data))


def _flip(data: bytearray, generator: random.Random) -> None:
    data[_place(data, generator)] ^= 1 << generator.randrange(8)


def _byte(data: bytearray, generator: random.Random) -> None:
    data[_place(data, generator)] = generator.randrange(256)


def _number(data: bytearray, generator: random.Random) -> None:
    at, length = _place(data, generator), generator.choice((1, 2, 4, 8))
    value = generator.choice(_NUMBERS) & ((1 << (8 * length)) - 1)
    data[at : at + length] = value.to_bytes(length, generator.choice(("big", "little")))


def _code(data: bytearray, generator: random.Random) -> None:
    at, code = _place(data, generator), generator.choice(_CODES)
    data[at : at + len(code)] = code


def _cut(data: bytearray, generator: random.Random) -> None:
    del data[_place(data, generator) :]


def _remove(data: bytearray, generator: random.Random) -> None:
    at = _place(data, generator)
    del data[at : at + generator.choice((1, 4, 8, 64, 1024))]


def _insert(data: bytearray, generator: random.Random) -> None:
    at = _place(data, generator)
    data[at:at] = generator.randbytes(generator.choice((1, 4, 8, 64)))


def _repeat(data: bytearray, generator: random.Random) -> None:
    at, length = _place(data, generator), generator.choice((8, 32, 256, 1024))
    data[at:at] = data[at : at + length] * generator.choice((1, 2, 50))


def _zero(data: bytearray, generator: random.Random) -> None:
    at, length = _place(data, generator), generator.choice((4, 8, 32, 256))
    data[at : at + length] = bytes(len(data[at : at + length]))


def _flood(data: bytearray, generator: random.Random) -> None:
    """Repeat a box thousands of times, or what follows another code."""
    code = generator.choice(_CODES)
    at = data.find(code)
    if at < 0:
        at = _place(data, generator)
    size = int.from_bytes(data[max(0, at - 4) : at], "big")
    if 8 <= size <= 4096:
        at -= 4
    else:
        size = generator.choice((2, 7, 64, 1024))
    flood = data[at : at + size] * (100_000 // size)
    _enlarge(data, at, len(flood))
    data[at:at] = flood


# Where the children of boxes that are not plain containers begin
_CHILDREN = {b"stsd": 16, b"avc1": 86, b"hvc1": 86, b"hev1": 86, b"mp4v": 86, b"mp4a": 36}


def _enlarge(data: bytearray, at: int, extra: int) -> None:
    """Add to the size of every box around this offset, so that they contain what is inserted there."""
    start = 0
    while start + 8 <= at:
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8:
            return
        if start + size <= at:
            start += size
        else:
            data[start : start + 4] = min(size + extra, 0xFFFFFFFF).to_bytes(4, "big")
            start += _CHILDREN.get(bytes(data[start + 4 : start + 8]), 8)


_MUTATIONS = (
    _flood,
    _flip,
    _byte,
    _byte,
    _number,
    _number,
    _number,
    _code,
    _cut,
    _remove,
    _insert,
    _repeat,
    _zero,
)
