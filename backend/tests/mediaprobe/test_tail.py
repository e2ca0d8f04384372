"""The search for the last place of a pattern."""

from __future__ import annotations

import pytest

from mediaprobe.budget import Budget, Spending
from mediaprobe.reader import BlockReader
from mediaprobe.tail import MAX_TAIL, STEP, find_last
from tests.mediaprobe.sources import KIB, MIB, SparseSource

PATTERN = b"moof"


def search(
    places: list[int], size: int = 4 * MIB, floor: int = 0, refuse: tuple[int, ...] = ()
) -> int | None:
    source, at = SparseSource(), 0
    for place in places:
        source.skip(place - at).add(PATTERN)
        at = place + len(PATTERN)
    source.skip(size - at)
    reader = BlockReader(source, Spending(Budget(requests=100, bytes=1 << 30)))
    return find_last(reader, (floor, size), PATTERN, lambda at: None if at in refuse else at, None)


def test_finds_last_of_several() -> None:
    assert search([0, 1000, 2_000_000, 3_000_000]) == 3_000_000


@pytest.mark.parametrize("back", [STEP, 2 * STEP, 3 * STEP])
@pytest.mark.parametrize("shift", range(-4, 5))
def test_finds_pattern_across_two_steps(back: int, shift: int) -> None:
    at = 4 * MIB - back + shift
    assert search([at]) == at


def test_continues_before_rejected_place() -> None:
    assert search([100_000, 200_000], refuse=(200_000,)) == 100_000


def test_does_not_search_below_floor() -> None:
    assert search([100], floor=200) is None


def test_search_stops_within_budget() -> None:
    assert search([0], size=MAX_TAIL + 64 * KIB) is None


def test_limits_number_of_candidates() -> None:
    tried: list[int] = []
    reader = BlockReader(SparseSource().add(PATTERN * 100_000), Spending(Budget()))
    assert find_last(reader, (0, reader.size), PATTERN, tried.append, None) is None
    assert len(tried) == 64
