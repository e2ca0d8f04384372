"""Finds the last of something by reading backwards from the end of a file that has no index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from mediaprobe.reader import KIB, MIB, Reader

# Even steps keep what is read in vain below one step; after them they double. With the first read of the file,
# 5 MiB are looked through in eight requests.
STEP = 192 * KIB
_EVEN_STEPS = 3
_MAX_STEP = 2 * MIB
# Longer than any cluster or fragment of a recorder (32 s at 5 Mbit/s), and inside the byte budget.
MAX_TAIL = 22 * MIB
# Media data may hold the pattern by chance, a hostile file holds it everywhere.
_MAX_CANDIDATES = 64

Found = TypeVar("Found")


def find_last(
    reader: Reader,
    within: tuple[int, int],
    pattern: bytes,
    check: Callable[[int], Found | None],
    typical: int | None,
) -> Found | None:
    """The last place of `pattern` there that `check` accepts; `typical` is how far back it may well lie."""
    floor, end = within
    step = max(STEP, min((typical or 0) // _EVEN_STEPS, _MAX_STEP))
    lowest = max(floor, end - MAX_TAIL)
    # The first bytes of the step before, for a pattern that lies across two steps.
    carried = b""
    turns = tries = 0
    while end > lowest:
        turns += 1
        if turns > _EVEN_STEPS:
            step = min(step * 2, _MAX_STEP)
        start = max(lowest, end - step)
        data = reader.read(start, end - start)
        for place in _places(data, carried, pattern):
            found = check(start + place)
            if found is not None:
                return found
            tries += 1
            if tries >= _MAX_CANDIDATES:
                return None
        carried = data[: len(pattern) - 1]
        # What is found here is read on to the end: the last step shall stay in memory.
        reader.read(within[1] - 1, 1)
        end = start
    return None


def _places(data: bytes, carried: bytes, pattern: bytes) -> Iterator[int]:
    """Where the pattern stands in these bytes, or begins in them and ends in those carried; the last first."""
    edge = max(0, len(data) - len(pattern) + 1)
    at = (data[edge:] + carried).find(pattern)
    if at >= 0:
        yield edge + at
    at = data.rfind(pattern)
    while at >= 0:
        yield at
        at = data.rfind(pattern, 0, at + len(pattern) - 1)
