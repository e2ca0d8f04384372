"""Finds the last occurrence of a pattern by reading backwards from the end of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from mediaprobe.reader import BLOCK, KIB, MIB, Reader

# The first steps are equal, so that less than one step is read needlessly. Later ones double. With the first read of
# the file, eight requests search 5 MiB.
STEP = 192 * KIB
_EVEN_STEPS = 3
_MAX_STEP = 2 * MIB
# Longer than any cluster or fragment of a recorder (32 s at 5 Mbit/s), and within the byte budget.
MAX_TAIL = 22 * MIB
# Media data may contain the pattern by chance, and a hostile file contains it everywhere.
_MAX_CANDIDATES = 64

Found = TypeVar("Found")


def find_last(
    reader: Reader,
    within: tuple[int, int],
    pattern: bytes,
    check: Callable[[int], Found | None],
    typical: int | None,
    *,
    steep: bool = False,
) -> Found | None:
    """Return the result of `check` at the last place of `pattern` that it accepts, or None.

    `typical` is the expected distance from the end. `steep` is for a pattern whose distance may be 100 KB or 20 MB.
    Each step is then four times as long as the one before.
    """
    floor, end = within
    step = max(STEP, min((typical or 0) // _EVEN_STEPS, _MAX_STEP))
    lowest = max(floor, end - MAX_TAIL)
    # The first bytes of the previous step, for a pattern across both steps.
    carried = b""
    steps = tries = 0
    while end > lowest:
        steps += 1
        if steep and steps > 1:
            step *= 4
        elif steps > _EVEN_STEPS:
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
        if not steep:
            # The caller reads from the found place to the end, so keep the last step in memory.
            reader.read(within[1] - 1, 1)
        end = start
    return None


def find_lost(
    reader: Reader,
    pattern: bytes,
    check: Callable[[int], Found | None],
    is_mention: Callable[[int], bool] = lambda _: False,
) -> tuple[Found | None, bool]:
    """Search a header that a walk has missed in the first bytes, and then from the end.

    Return the result of `check`, and whether the pattern surely stands nowhere in the file. `is_mention` tells the
    places that only refer to the header.
    """
    mentions, others = 0, 0

    def counted(place: int) -> Found | None:
        nonlocal mentions, others
        if is_mention(place):
            mentions += 1
            return None
        others += 1
        return check(place)

    found: Found | None = None
    for end in (min(BLOCK, reader.size), reader.size):
        if found is None:
            found = find_last(reader, (0, end), pattern, counted, None, steep=True)
    return found, reader.size <= MAX_TAIL and others == 0 and mentions < _MAX_CANDIDATES


def _places(data: bytes, carried: bytes, pattern: bytes) -> Iterator[int]:
    """Yield where the pattern begins in `data`, last first. It may end in `carried`, which follows."""
    edge = max(0, len(data) - len(pattern) + 1)
    at = (data[edge:] + carried).find(pattern)
    if at >= 0:
        yield edge + at
    at = data.rfind(pattern)
    while at >= 0:
        yield at
        at = data.rfind(pattern, 0, at + len(pattern) - 1)
