"""Implementations of the LimitCounters port in memory and in PostgreSQL."""

from collections import OrderedDict
from datetime import timedelta
from typing import Final

from app.core.db import Database
from app.crud import limit_counters
from app.domain.freshness import NEVER
from app.ports import Clock

MAX_COUNTERS: Final = 100_000
"""About 45 MB. A flood from more addresses ends the oldest windows early."""
_CLEAN_EVERY: Final = timedelta(minutes=1)


class MemoryCounters:
    """Counters of this process, in a bounded number.

    The library's MemoryStorage has no bound, and with each hit it looks at all keys. With a million keys that held the
    event loop for 0.47 s.
    """

    def __init__(self, clock: Clock, max_counters: int = MAX_COUNTERS) -> None:
        self._clock = clock
        self._max_counters = max_counters
        # A dict finds its first key slower with each one that was deleted before it.
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """The sum and the end in seconds since 1970, by key in the order of their beginnings."""

    async def hit(self, key: str, seconds: int) -> int:
        now = self._now()
        hits, end = self._windows.get(key, (0, 0.0))
        if end <= now:
            self._windows.pop(key, None)
            self._make_room(now)
            hits, end = 0, now + seconds
        self._windows[key] = (hits + 1, end)
        return hits + 1

    async def count(self, key: str) -> int:
        hits, end = self._windows.get(key, (0, 0.0))
        return hits if end > self._now() else 0

    async def seconds_left(self, key: str) -> float:
        _, end = self._windows.get(key, (0, 0.0))
        return max(0.0, end - self._now())

    async def clear(self, key: str) -> None:
        self._windows.pop(key, None)

    async def close(self) -> None: ...

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _make_room(self, now: float) -> None:
        """Forget what has ended at the front, and the oldest window if there are too many."""
        while self._windows:
            _, end = self._windows[next(iter(self._windows))]
            if end > now and len(self._windows) < self._max_counters:
                return
            self._windows.popitem(last=False)


class DatabaseCounters:
    """Counters of all processes, in the app's PostgreSQL. The table is not logged, so that no hit waits for a disk."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._clean_at = NEVER

    async def hit(self, key: str, seconds: int) -> int:
        now = self._clock.now()
        if now >= self._clean_at:
            self._clean_at = now + _CLEAN_EVERY
            # On its own, because it locks the counters of others.
            async with self._database.transaction() as session:
                await limit_counters.delete_ended(session, now)
        async with self._database.transaction() as session:
            return await limit_counters.hit(session, key, now, seconds)

    async def count(self, key: str) -> int:
        async with self._database.reading() as session:
            found = await limit_counters.get(session, key, self._clock.now())
        return found.hits if found else 0

    async def seconds_left(self, key: str) -> float:
        now = self._clock.now()
        async with self._database.reading() as session:
            found = await limit_counters.get(session, key, now)
        return (found.ends_at - now).total_seconds() if found else 0.0

    async def clear(self, key: str) -> None:
        async with self._database.transaction() as session:
            await limit_counters.delete_one(session, key)

    async def close(self) -> None: ...
