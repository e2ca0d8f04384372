"""Stories that fail while the machine stands still run again."""

import asyncio
import time

from tests.browser.story import Outcome, Standstills, run_again_after_standstill, run_in_thread
from tests.waiting import until

FAILED = Outcome(1.0, AssertionError("first"))
FAILED_AGAIN = Outcome(1.0, AssertionError("second"))
PASSED = Outcome(1.0, None)


def outcome_of(*runs: Outcome, stands_still: bool) -> Outcome:
    """Return the outcome of a story whose runs end like this, each with a standstill or none."""
    standstills = Standstills()
    outcomes = []

    async def run(number: int) -> Outcome:
        standstills.count += stands_still
        return runs[number - 1]

    async def run_story() -> None:
        outcomes.append(await run_again_after_standstill(standstills, run))

    run_in_thread(run_story())
    return outcomes[0]


def test_story_that_failed_during_a_standstill_runs_again_and_says_so() -> None:
    outcome = outcome_of(FAILED, PASSED, stands_still=True)
    assert outcome.error is None
    assert outcome.error_in_standstill is FAILED.error


def test_story_that_failed_without_a_standstill_has_failed() -> None:
    assert outcome_of(FAILED, PASSED, stands_still=False).error is FAILED.error


def test_story_that_fails_again_has_failed() -> None:
    assert outcome_of(FAILED, FAILED_AGAIN, PASSED, stands_still=True).error is FAILED_AGAIN.error


def test_wait_that_took_seconds_longer_is_a_standstill_and_so_is_a_clock_set_back() -> None:
    standstills = Standstills(limit_seconds=5)
    standstills.note(0.5)
    standstills.note(5.4)
    standstills.note(-4.4)
    assert standstills.count == 0
    standstills.note(5.6)
    standstills.note(-4.6)
    assert standstills.count == 2


def test_standstill_of_this_process_is_noticed() -> None:
    standstills = Standstills(limit_seconds=0.2)

    async def stand_still() -> None:
        watch = asyncio.create_task(standstills.watch())
        await asyncio.sleep(0)
        time.sleep(1)  # noqa: ASYNC251  # so that the event loop does not run
        await until(lambda: standstills.count, "the standstill is noticed")
        watch.cancel()

    run_in_thread(stand_still())
