"""Loops survive errors, and tasks end when they are cancelled."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from app.core import tasks
from app.domain.errors import DatabaseUnavailable
from tests.waiting import TIMEOUT_SECONDS


async def forever() -> None:
    await asyncio.Event().wait()


async def loses_cancellation() -> None:
    try:
        await forever()
    except asyncio.CancelledError:
        await forever()


async def failing() -> None:
    try:
        await forever()
    finally:
        raise RuntimeError("on its way out")


async def test_cancels_tasks_whatever_their_result() -> None:
    started = [asyncio.create_task(work()) for work in (forever, failing)]
    await asyncio.sleep(0)

    async with asyncio.timeout(TIMEOUT_SECONDS):
        await tasks.cancel_and_wait(started)

    assert all(task.done() for task in started)


async def test_cancels_loops_together() -> None:
    running = asyncio.create_task(tasks.side_by_side(forever(), failing()))
    await asyncio.sleep(0.01)

    running.cancel()

    async with asyncio.timeout(TIMEOUT_SECONDS):
        with pytest.raises(asyncio.CancelledError):
            await running
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_error_of_one_loop_ends_others() -> None:
    async def breaks() -> None:
        raise RuntimeError("a bug")

    async with asyncio.timeout(TIMEOUT_SECONDS):
        with pytest.raises(RuntimeError, match="a bug"):
            await tasks.side_by_side(forever(), breaks())
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_waits_for_cleanup() -> None:
    ended = []

    async def cleans_up() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0.01)
            ended.append("cleaned up")

    running = asyncio.create_task(tasks.side_by_side(cleans_up()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    async with asyncio.timeout(TIMEOUT_SECONDS):
        await tasks.cancel_and_wait([running])

    assert ended == ["cleaned up"]


async def test_second_cancellation_reaches_inner_tasks() -> None:
    running = asyncio.create_task(tasks.side_by_side(loses_cancellation()))
    await asyncio.sleep(0.01)

    running.cancel()
    await asyncio.sleep(0.01)
    running.cancel()

    async with asyncio.timeout(TIMEOUT_SECONDS):
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_loop_logs_errors_and_continues() -> None:
    away = DatabaseUnavailable()
    away.__cause__ = OperationalError("SELECT 1", {}, Exception("database or disk is full"))
    outcomes: list[Exception | None] = [away, RuntimeError("a bug"), None]
    finished = asyncio.Event()

    async def step() -> None:
        outcome = outcomes.pop(0)
        if outcome:
            raise outcome
        finished.set()
        await forever()

    with capture_logs() as logged:
        loop = asyncio.create_task(tasks.run_forever("sweep", step, every=0.0))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await finished.wait()
            await tasks.cancel_and_wait([loop])

    assert [(line["event"], line["loop"]) for line in logged] == [
        ("loop.waiting", "sweep"),
        ("loop.failed", "sweep"),
    ]
    assert (logged[0]["reason"], logged[0]["cause"]) == ("database_unavailable", "database or disk is full")


async def test_loop_ends_if_cleanup_replaces_cancellation() -> None:
    loop = asyncio.create_task(tasks.run_forever("probe", failing, every=3600.0))
    await asyncio.sleep(0)

    loop.cancel()

    async with asyncio.timeout(TIMEOUT_SECONDS):
        await loop


async def test_wake_starts_next_step() -> None:
    wake, steps = asyncio.Event(), asyncio.Semaphore(0)

    async def step() -> None:
        steps.release()

    loop = asyncio.create_task(tasks.run_forever("probe", step, every=3600.0, wake=wake))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await steps.acquire()
        wake.set()
        await steps.acquire()
    await tasks.cancel_and_wait([loop])


async def test_loop_may_wait_before_its_first_step() -> None:
    steps: list[None] = []

    async def step() -> None:
        steps.append(None)

    loop = asyncio.create_task(tasks.run_forever("sweep", step, every=3600.0, wait_first=True))
    await asyncio.sleep(0)
    await tasks.cancel_and_wait([loop])

    assert not steps
