"""Work that goes on after its request was answered, waited for when the process stops; and work side by side."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from app.core.tasks import cancel_and_wait

Item = TypeVar("Item")
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
        await cancel_and_wait(late)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen here, so that a failure nobody waited for is not a warning at exit


async def some_at_once(
    work: Callable[[Item], Awaitable[Result]], items: Iterable[Item], at_once: int
) -> list[Result]:
    """What `work` answers for each item, in their order; the first error is raised once none is under way."""
    turns = asyncio.Semaphore(at_once)

    async def in_turn(item: Item) -> Result:
        async with turns:
            return await work(item)

    answers = await asyncio.gather(*map(in_turn, items), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]
