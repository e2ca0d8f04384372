"""Run loops until they are cancelled, and end tasks reliably."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

import structlog

from app.domain.errors import Unavailable

log = structlog.get_logger()

Step = Callable[[], Awaitable[object]]

RECANCEL_SECONDS = 4.0
"""Longer than a cancelled task takes to write its last change to the database."""


async def run_forever(
    name: str, step: Step, every: float, *, wait_first: bool = False, wake: asyncio.Event | None = None
) -> None:
    """Repeat `step` after `every` seconds, or as soon as `wake` is set. Only a cancellation ends the loop."""
    loop = asyncio.current_task()
    wake = wake or asyncio.Event()
    if wait_first:
        await asyncio.sleep(every)
    while True:
        wake.clear()
        await attempt(name, step)
        # A step may have swallowed the cancellation, because asyncio.wait_for may lose it before Python 3.12.
        if loop and loop.cancelling():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(every):
                await wake.wait()


async def attempt(name: str, step: Step) -> None:
    """Run `step` once and log its error."""
    try:
        await step()
    except Unavailable as error:
        log.warning("loop.waiting", loop=name, reason=error.code)
    except Exception:
        log.exception("loop.failed", loop=name)


async def side_by_side(*loops: Coroutine[Any, Any, None]) -> None:
    """Run the loops until they are cancelled. An error of one ends them all."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        # asyncio.gather would pass a cancellation on, and cancel_and_wait would then cancel for the second time.
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        await cancel_and_wait(tasks)


async def cancel_and_wait(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel the tasks and return when all have ended, whatever their results.

    A task that continues is cancelled again. Before Python 3.12, asyncio.wait_for loses a cancellation that arrives
    together with the result, and psycopg's pool uses it to return connections.
    """
    cancelled: asyncio.CancelledError | None = None
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        try:
            await asyncio.wait(pending, timeout=RECANCEL_SECONDS)
        except asyncio.CancelledError as error:
            cancelled = error  # the tasks are cancelled again, and the caller when they have ended
    await asyncio.gather(*tasks, return_exceptions=True)  # retrieves errors, which asyncio would warn about
    if cancelled:
        raise cancelled
