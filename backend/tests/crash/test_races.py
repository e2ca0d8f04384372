"""Starts two or more runners from one barrier, 10 or SLIPWAY_RACES times each."""

import asyncio
import os
import random
from unittest.mock import patch

import pytest

from app.domain.errors import SlipwayError
from tests.crash.conftest import NewWorlds
from tests.crash.orders import RUNNER, Order, RandomOrder
from tests.crash.races import RACES, Race
from tests.crash.report import SEED, reported
from tests.crash.use_cases import Step
from tests.crash.world import PAST_A_LEASE, World
from tests.waiting import TIMEOUT_SECONDS

STARTS = int(os.environ.get("SLIPWAY_RACES", "10"))


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)
async def test_any_order_keeps_invariants(new_world: NewWorlds, race: Race) -> None:
    chance = random.Random(f"{SEED} {race.name}")  # noqa: S311  # an order that can be drawn again
    broken = {}
    with reported(f"race: {race.name}", SEED) as tally:
        async with new_world(**dict(race.settings)) as world:
            for start in range(STARTS):
                found = await run_once(world, race, RandomOrder(chance))
                tally.add(found)
                if found:
                    broken[start] = found
    assert broken == {}


async def run_once(world: World, race: Race, order: Order) -> list[str]:
    """Return what is broken for a new user, by the invariants, the answers and the final state."""
    world.found = []
    world.issued_urls = []
    await world.new_user()
    await race.arrange(world)
    barrier = asyncio.Barrier(len(race.runners))

    async def run(number: int, runner: Step) -> object:
        RUNNER.set(number)
        await barrier.wait()
        answer = await _answer(world, runner)
        order.note_end(number)
        return answer

    with patch.object(world.process, "before_a_call", order.before_a_call):
        answers = await asyncio.gather(*(run(*numbered) for numbered in enumerate(race.runners)))
        await world.application.tasks.drain(TIMEOUT_SECONDS)
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
