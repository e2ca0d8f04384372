"""Kills the process at every moment of every use case, and again in its recovery.

SLIPWAY_DOUBLE_CRASHES=100 kills it twice at so many pairs of moments of each use case, which SLIPWAY_SEED selects.
The default is one pair. `all` tries all pairs, which takes hours. Moments of a recovery that equal calls lead to
count as one.
"""

import os
import random
import sys
from collections.abc import Sequence
from typing import TypeVar

import pytest

from tests.crash.conftest import NewWorlds
from tests.crash.crash_points import (
    UNREACHED,
    Point,
    killed_at,
    moments_of,
    points_of,
    record,
    recovery_calls,
    unlike_moments_of,
)
from tests.crash.report import SEED, reported
from tests.crash.use_cases import USE_CASES, UseCase

Chosen = TypeVar("Chosen")

_PAIRS = os.environ.get("SLIPWAY_DOUBLE_CRASHES", "1")
PAIRS_OF_EACH = sys.maxsize if _PAIRS == "all" else int(_PAIRS)
THOROUGH = PAIRS_OF_EACH > 1
FINISHING = ("conversation", "complete", "complete, assembled by a dead process", "resume by the reconciler")
"""Enough for a small run on a store that still lists the parts of finished uploads."""
CASES = [
    pytest.param(case, lingers, id=f"{case.name}{', parts linger' if lingers else ''}")
    for lingers in (False, True)
    for case in USE_CASES
    if THOROUGH or not lingers or case.name in FINISHING
]


@pytest.mark.parametrize(("case", "lingers"), CASES)
async def test_recovers_from_crash_at_any_moment(new_world: NewWorlds, case: UseCase, lingers: bool) -> None:
    worlds = new_world.lingering if lingers else new_world
    calls = await record(worlds, case)
    broken = {}
    with reported(f"crash at each moment of: {case.name}{', parts linger' if lingers else ''}") as tally:
        for point in points_of(calls) if THOROUGH else moments_of(calls):
            for repeats in {case.has_client, False}:
                found = await killed_at(worlds, case, point, repeats=repeats)
                tally.add(found)
                if found:
                    broken[_described(calls, point, repeats)] = found
    assert broken == {}


@pytest.mark.parametrize("case", USE_CASES, ids=lambda case: case.name)
async def test_recovers_from_crash_during_recovery(new_world: NewWorlds, case: UseCase) -> None:
    calls = await record(new_world, case)
    chance = random.Random(f"{SEED} {case.name}")  # noqa: S311  # a sample that can be drawn again
    firsts = [(point, repeats) for point in moments_of(calls) for repeats in {case.has_client, False}]
    broken = {}
    missed = tried = 0
    with reported(f"double crashes of: {case.name}", SEED) as tally:
        for first, repeats in _some(chance, firsts, PAIRS_OF_EACH):
            recovery = unlike_moments_of(await recovery_calls(new_world, case, first, repeats=repeats))
            for second in _some(chance, recovery, -(-PAIRS_OF_EACH // len(firsts))):
                found = await killed_at(new_world, case, first, second, repeats=repeats)
                tried += 1
                if found == [UNREACHED]:
                    missed += 1  # A sweep lists random keys in another order.
                    continue
                tally.add(found)
                if found:
                    broken[f"{_described(calls, first, repeats)}, then {second}"] = found
    assert broken == {}
    assert missed <= tried // 20


def _some(chance: random.Random, of: Sequence[Chosen], count: int) -> Sequence[Chosen]:
    return chance.sample(of, min(count, len(of)))


def _described(calls: list[str], point: Point, repeats: bool) -> str:
    return f"{point.when} {point.index}:{calls[point.index]}, {'repeated' if repeats else 'abandoned'}"
