"""Two or more at once, from one barrier, on SQLite and on PostgreSQL: SLIPWAY_RACES times each, 20 unless told."""

import asyncio
import os
import random

import pytest

from app.domain.errors import SlipwayError
from tests.crash.conftest import NewWorlds
from tests.crash.races import RACES, Race
from tests.crash.report import SEED, reported
from tests.crash.use_cases import Step
from tests.crash.world import PAST_A_LEASE, World

PACES = (0, 0, 1, 10, 30, 100, 300)
"""Turns of the event loop before a call; a statement takes about as many as the middle ones."""
STARTS = int(os.environ.get("SLIPWAY_RACES", "20"))


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)
async def test_whoever_comes_first_nothing_breaks(new_world: NewWorlds, race: Race) -> None:
    chance = random.Random(f"{SEED} {race.name}")  # noqa: S311  # an order that can be drawn again
    broken = {}
    with reported(f"race: {race.name}", SEED) as tally:
        async with new_world(**dict(race.settings)) as world:
            for start in range(STARTS):
                found = await run_once(world, race, chance)
                tally.add(found)
                if found:
                    broken[start] = found
    assert broken == {}


async def run_once(world: World, race: Race, chance: random.Random) -> list[str]:
    """What broke, for a user of its own: by the invariants, by the answers, by how it ended."""
    world.found = []
    world.handed_out = []
    await world.newcomer()
    await race.arrange(world)
    barrier = asyncio.Barrier(len(race.runners))

    async def run(runner: Step) -> object:
        await barrier.wait()
        return await _answer(world, runner)

    world.process.turns_before_a_call = lambda: chance.choice(PACES)
    answers = await asyncio.gather(*map(run, race.runners))
    await world.application.tasks.drain(30)
    world.process.turns_before_a_call = lambda: 0
    await world.check()
    if not race.fits(answers):
        world.found.append(f"answered together: {answers}")
    world.clock.advance(PAST_A_LEASE)
    await world.settle()
    if await world.end() not in race.ends:
        world.found.append(f"it ended as {await world.end()}")
    return world.found


async def _answer(world: World, runner: Step) -> object:
    try:
        return await runner(world)
    except SlipwayError as error:
        return error
    except Exception as error:
        world.found.append(f"I14: the caller meets {error!r}")
        return error
