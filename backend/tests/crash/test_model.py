"""The model test: SLIPWAY_MODEL_STEPS random steps, 2,000 unless told; SLIPWAY_SEED replays them."""

import asyncio
import os
import zlib

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from app.services import completion
from tests.crash.conftest import NewWorlds
from tests.crash.model import Installation
from tests.crash.report import SEED, Tally, reported

STEPS = int(os.environ.get("SLIPWAY_MODEL_STEPS", "2000"))
STEPS_OF_A_RUN = 50


@pytest.fixture(autouse=True)
def _do_not_wait_for_the_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """A complete meets leases whose holder died; waiting for them in earnest would only take time."""
    monkeypatch.setattr(completion, "WAIT_SECONDS", 0.05)


def walk(new_world: NewWorlds, steps: int, chosen: str, tally: Tally) -> None:
    """Random steps in runs of 50, each from an empty installation; raises what it met."""

    with asyncio.Runner() as runner:

        class Counted(Installation):
            def __init__(self) -> None:
                super().__init__(new_world, runner.get_loop())

            def teardown(self) -> None:
                tally.runs += STEPS_OF_A_RUN
                super().teardown()

        run_state_machine_as_test(
            seed(zlib.crc32(chosen.encode()))(Counted),
            settings=settings(
                max_examples=max(1, steps // STEPS_OF_A_RUN),
                stateful_step_count=STEPS_OF_A_RUN,
                database=None,
                deadline=None,
                # Without shrinking, which takes longer than reading fifty steps.
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_no_sequence_of_steps_breaks_anything(new_world: NewWorlds) -> None:
    with reported("model steps", SEED) as tally:
        try:
            walk(new_world, STEPS, SEED, tally)
        except BaseException:
            tally.violations += 1
            raise
