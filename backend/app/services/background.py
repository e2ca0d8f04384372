"""Work that goes on after its request was answered, and is waited for when the process stops."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from app.core.tasks import end

Result = TypeVar("Result")


class BackgroundTasks:
    """Keeps a reference to each task (the event loop itself does not) until it is done."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    async def drain(self, timeout_seconds: float) -> None:
        """Waits for what runs; what is not done by then is cancelled and left to the next start."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout_seconds)
        await end(late)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen here, so that a failure nobody waited for is not a warning at exit
