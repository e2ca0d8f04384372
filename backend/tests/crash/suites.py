"""Short runs of each suite for seeded defects, which return what they find and stop at the first finding."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.contract.engines import S3Engine
from tests.contract.test_object_storage import test_an_expired_url_is_refused, test_another_length_is_refused
from tests.crash.conftest import NewWorlds
from tests.crash.crash_points import killed_at, moments_of, record
from tests.crash.model import Installation
from tests.crash.orders import Interleaved, RandomOrder
from tests.crash.outcomes import outcomes_of, table_of
from tests.crash.races import RACES, Race
from tests.crash.test_outcomes import TABLE
from tests.crash.test_races import run_once
from tests.crash.use_cases import (
    FOREIGN_OBJECT,
    KEPT_BY_SWEEP,
    USE_CASES,
    UseCase,
    sweep_keeps_them,
)
from tests.crash.world import World
from tests.engines.embedded import EmbeddedStore


@dataclass(frozen=True)
class Suite:
    name: str
    run: Callable[[NewWorlds, Path], Awaitable[list[str]]]


def undisturbed(name: str) -> Suite:
    """Run the use case without a fault and check all invariants."""
    case = _case(name)

    async def run(new_world: NewWorlds, _folder: Path) -> list[str]:
        async with new_world() as world:
            await case.arrange(world)
            await world.run(case.act)
            await world.check()
            await world.settle()
            if await world.end() not in case.repeated:
                world.found.append(f"it ended as {await world.end()}")
            return world.found

    return Suite(f"invariants after: {name}", run)


def kept_by_sweep(name: str) -> Suite:
    async def run(new_world: NewWorlds, _folder: Path) -> list[str]:
        async with new_world() as world:
            await KEPT_BY_SWEEP[name](world)
            await world.run(sweep_keeps_them)
            return world.found

    return Suite(f"a sweep keeps: {name}", run)


def crashes(name: str) -> Suite:
    case = _case(name)

    async def run(new_world: NewWorlds, _folder: Path) -> list[str]:
        for point in moments_of(await record(new_world, case)):
            for repeats in {case.has_client, False}:
                if found := await killed_at(new_world, case, point, repeats=repeats):
                    return found
        return []

    return Suite(f"crash at each moment of: {name}", run)


def failing_calls(name: str) -> Suite:
    async def run(new_world: NewWorlds, _folder: Path) -> list[str]:
        outcomes = await outcomes_of(new_world, _case(name))
        broken = [sentence for outcome in outcomes.values() for sentence in outcome.found]
        unexpected = table_of(outcomes) ^ TABLE[name]
        return broken or sorted(f"unexpected or missing outcome: {row}" for row in unexpected)

    return Suite(f"failing calls of: {name}", run)


def race(name: str) -> Suite:
    """Interleave each pair of unlike runners at each pair of their calls. No order depends on the machine's speed."""
    wanted = _race(name)
    unlike_pairs = {
        (wanted.runners[first], wanted.runners[second]): (first, second)
        for first, second in itertools.permutations(range(len(wanted.runners)), 2)
    }

    async def run(new_world: NewWorlds, _folder: Path) -> list[str]:
        async with new_world(**dict(wanted.settings)) as world:
            for first, second in unlike_pairs.values():
                if found := await _interleave(world, wanted, first, second):
                    return found
        return []

    return Suite(f"race: {name}", run)


async def _interleave(world: World, wanted: Race, first: int, second: int) -> list[str]:
    """Run these two runners in each order of `Interleaved`, until something is found."""
    for first_call in itertools.count():
        for second_call in itertools.count():
            order = Interleaved(first, first_call, second, second_call)
            if found := await run_once(world, wanted, order):
                return found
            if order.calls[second] <= second_call:
                break
        if order.calls[first] <= first_call:
            break
    return []


def overlapping_transactions(name: str) -> Suite:
    """Start the race in random orders until something is found. `race` interleaves whole transactions only."""
    wanted = _race(name)

    async def run(new_world: NewWorlds, _folder: Path) -> list[str]:
        order = RandomOrder(random.Random(name))  # noqa: S311  # the same order each time
        async with new_world(**dict(wanted.settings)) as world:
            for _ in range(3000):
                if found := await run_once(world, wanted, order):
                    return found
        return []

    return Suite(f"overlapping transactions of: {name}", run)


def model_of_another_user() -> Suite:
    """Run each variant of the model's step for another user.

    A random walk of this length misses it in one of 30 runs.
    """

    def steps(new_world: NewWorlds) -> None:
        with asyncio.Runner() as runner:
            installation = Installation(new_world, runner.get_loop())
            try:
                installation.create(0, None, None)
                for verb in range(4):
                    installation.another_tries(0, verb)
            finally:
                installation.teardown()

    async def run(new_world: NewWorlds, _folder: Path) -> list[str]:
        try:
            await asyncio.to_thread(steps, new_world)
        except AssertionError as error:
            return [str(error)]
        return []

    return Suite("model: another user tries", run)


def real_store() -> Suite:
    """Check signed URLs on a real store, because the fake does not verify what S3 verifies."""

    async def run(_new_world: NewWorlds, folder: Path) -> list[str]:
        with EmbeddedStore(folder / "store") as store:
            keys = store.credentials
            engine = S3Engine(
                "embedded", store.endpoint_url, keys.access_key_id, keys.secret_access_key, frozenset()
            )
            try:
                await test_another_length_is_refused(engine, b"a longer body than the one that was signed")
                await test_an_expired_url_is_refused(engine)
            except AssertionError as error:
                return [str(error)]
            finally:
                engine.close()
        return []

    return Suite("contract on the embedded store", run)


def _case(name: str) -> UseCase:
    (case,) = [case for case in [*USE_CASES, FOREIGN_OBJECT] if case.name == name]
    return case


def _race(name: str) -> Race:
    (race,) = [race for race in RACES if race.name == name]
    return race
