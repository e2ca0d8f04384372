"""Tasks are ended for certain, even one whose cancellation was lost."""

import asyncio

import pytest

from app.core import tasks
from tests.waiting import TIMEOUT_SECONDS


async def forever() -> None:
    await asyncio.Event().wait()


async def hard_of_hearing() -> None:
    try:
        await forever()
    except asyncio.CancelledError:
        await forever()


async def failing() -> None:
    try:
        await forever()
    finally:
        raise RuntimeError("on its way out")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "RECANCEL_SECONDS", 0.01)


async def test_all_have_ended_whatever_they_end_in() -> None:
    started = [asyncio.create_task(work()) for work in (forever, hard_of_hearing, failing)]
    await asyncio.sleep(0)

    async with asyncio.timeout(TIMEOUT_SECONDS):
        await tasks.cancel_and_wait(started)

    assert all(task.done() for task in started)


async def test_loops_side_by_side_end_together() -> None:
    running = asyncio.create_task(tasks.side_by_side(forever(), hard_of_hearing()))
    await asyncio.sleep(0.01)

    running.cancel()

    async with asyncio.timeout(TIMEOUT_SECONDS):
        with pytest.raises(asyncio.CancelledError):
            await running
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_error_of_one_loop_ends_the_others() -> None:
    async def breaks() -> None:
        raise RuntimeError("a bug")

    async with asyncio.timeout(TIMEOUT_SECONDS):
        with pytest.raises(RuntimeError, match="a bug"):
            await tasks.side_by_side(forever(), breaks())
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_last_words_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "RECANCEL_SECONDS", 3600.0)
    said = []

    async def says_something_at_the_end() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0.01)
            said.append("last words")

    running = asyncio.create_task(tasks.side_by_side(says_something_at_the_end()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    async with asyncio.timeout(TIMEOUT_SECONDS):
        await tasks.cancel_and_wait([running])

    assert said == ["last words"]


async def test_impatience_reaches_the_innermost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "RECANCEL_SECONDS", 3600.0)
    running = asyncio.create_task(tasks.side_by_side(hard_of_hearing()))
    await asyncio.sleep(0.01)

    running.cancel()
    await asyncio.sleep(0.01)
    running.cancel()

    async with asyncio.timeout(TIMEOUT_SECONDS):
        with pytest.raises(asyncio.CancelledError):
            await running
