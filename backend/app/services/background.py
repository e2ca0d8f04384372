"""Run tasks that outlive their request, and run work concurrently."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from app.core.tasks import cancel_and_wait

Item = TypeVar("Item")
Result = TypeVar("Result")


class BackgroundTasks:
    """Keeps a reference to each running task, because the event loop does not."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    async def drain(self, timeout_seconds: float) -> None:
        """Wait for the running tasks, and cancel those that are not done in time."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout_seconds)
        await cancel_and_wait(late)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieve it, so that asyncio does not warn at exit


async def some_at_once(
    work: Callable[[Item], Awaitable[Result]], items: Iterable[Item], at_once: int
) -> list[Result]:
    """Return the results in order. If some fail, raise the first error after all have ended."""
    slots = asyncio.Semaphore(at_once)

    async def limited(item: Item) -> Result:
        async with slots:
            return await work(item)

    answers = await asyncio.gather(*map(limited, items), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]
