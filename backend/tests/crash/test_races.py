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
    steps_ahead = [chance.randrange(8) for _ in race.runners]

    async def run(runner: Step, ahead: int) -> object:
        await barrier.wait()
        for _ in range(ahead):
            await asyncio.sleep(0)  # who is first into each step differs from start to start
        return await _answer(world, runner)

    answers = await asyncio.gather(*map(run, race.runners, steps_ahead))
    await world.parts.tasks.drain(30)
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
