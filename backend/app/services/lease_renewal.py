"""Renew a lease while work that takes long runs. A short lease lets another process take over soon after a crash."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def renewed(renew: Callable[[], Awaitable[None]], every_seconds: float) -> AsyncIterator[None]:
    """Call `renew`, which raises nothing, every so many seconds while the block runs."""
    ended = asyncio.Event()

    async def keep() -> None:
        while True:
            try:
                async with asyncio.timeout(every_seconds):
                    await ended.wait()
                return
            except TimeoutError:
                await renew()

    renewal = asyncio.create_task(keep())
    try:
        yield
    finally:
        # A cancelled transaction would hold SQLite's write lock for seconds.
        ended.set()
        await asyncio.gather(renewal, return_exceptions=True)
