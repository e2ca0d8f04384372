"""Compares a simulated crash with a process that ends by os._exit."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.crash.conftest import NewWorlds
from tests.crash.crash_points import moments_of, record
from tests.crash.real_death import what_is_left
from tests.crash.use_cases import USE_CASES

A_FEW = {"conversation", "expire"}
EVERY = "SLIPWAY_DOUBLE_CRASHES" in os.environ


async def test_simulated_crash_equals_real_one(new_world: NewWorlds, tmp_path: Path) -> None:
    cases = [case for case in USE_CASES if EVERY or case.name in A_FEW]
    ended = subprocess.run(  # noqa: ASYNC221  # nothing else runs here
        [sys.executable, "-m", "tests.crash.real_death", str(tmp_path), *(case.name for case in cases)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    really = json.loads(ended.stdout.splitlines()[-1])

    for case in cases:
        for point, left_really in zip(
            moments_of(await record(new_world, case)), really[case.name], strict=True
        ):
            async with new_world() as world:
                await case.arrange(world)
                await world.restart(point.plan)
                await world.run(case.act)
                await world.restart()
                assert await what_is_left(world.application.database, world.store) == left_really, (
                    case.name,
                    point,
                )
