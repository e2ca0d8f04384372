"""Running tasks, and ending them for certain."""

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any

_AGAIN_SECONDS = 4.0
"""Longer than a task that ends takes for its last words to the database."""


async def side_by_side(*loops: Coroutine[Any, Any, None]) -> None:
    """Runs loops that never end by themselves until cancelled; an error of one ends them all."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        # Not gather: it would pass a cancellation on, and `cancel_and_wait` would be the second one.
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        await cancel_and_wait(tasks)


async def cancel_and_wait(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancels the tasks and returns when all have ended, whatever they end in.

    A task that goes on is cancelled again: before Python 3.12 asyncio.wait_for loses a cancellation that comes at the
    moment in which what it waits for is there, and psycopg's pool hands out connections by it.
    """
    impatient: asyncio.CancelledError | None = None
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        try:
            await asyncio.wait(pending, timeout=_AGAIN_SECONDS)
        except asyncio.CancelledError as error:
            impatient = error  # passed on to the tasks, and to the caller when they have ended
    await asyncio.gather(*tasks, return_exceptions=True)  # seen: no failure of theirs is a warning at exit
    if impatient:
        raise impatient
