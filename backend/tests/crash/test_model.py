"""Runs random steps against the model, 2,000 or SLIPWAY_MODEL_STEPS. SLIPWAY_SEED repeats them."""

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
    """A complete meets leases of dead holders, and real waiting would only take time."""
    monkeypatch.setattr(completion, "WAIT_SECONDS", 0.05)


def walk(new_world: NewWorlds, steps: int, chosen: str, tally: Tally) -> None:
    """Run random steps, 50 from each empty installation, and raise the first violation."""

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
                # Shrinking takes longer than reading fifty steps.
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_random_steps_agree_with_model(new_world: NewWorlds) -> None:
    with reported("model steps", SEED) as tally:
        try:
            walk(new_world, STEPS, SEED, tally)
        except BaseException:
            tally.violations += 1
            raise
