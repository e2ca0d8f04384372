"""Run loops until they are cancelled, and end tasks reliably."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

import structlog

from app.core.operator_errors import reason_for
from app.domain.errors import Unavailable

log = structlog.get_logger()

Step = Callable[[], Awaitable[object]]


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
        try:
            await step()
        except Unavailable as error:
            log.warning("loop.waiting", loop=name, reason=error.code, cause=reason_for(error))
        except Exception:
            log.exception("loop.failed", loop=name)
        # An error in the step's cleanup replaces the cancellation.
        if loop and loop.cancelling():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(every):
                await wake.wait()


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
    """Cancel the tasks and return when all have ended, whatever their results."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
