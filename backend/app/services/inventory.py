"""Count what the database has, for metrics."""

import asyncio
from datetime import timedelta
from typing import Final

from app.core import metrics
from app.core.db import Database
from app.crud import inventory
from app.domain.errors import DatabaseUnavailable
from app.domain.freshness import NEVER, is_fresh
from app.ports import Clock

KEPT: Final = timedelta(seconds=60)
"""Counting reads an index of all videos."""


class Inventory:
    """Belongs to the event loop. It counts when metrics are read, so a process that nobody watches counts nothing."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = asyncio.Lock()
        self._asked_at = NEVER

    async def publish(self) -> None:
        """Set the metrics, unless that was done less than a minute ago. Keep the last ones if the database is away."""
        async with self._lock:
            now = self._clock.now()
            if is_fresh(self._asked_at, now, KEPT):
                return
            self._asked_at = now
            try:
                async with self._database.reading() as session:
                    counted = await inventory.count(session, now)
            except DatabaseUnavailable:
                return
        for status, of_status in counted.videos.items():
            metrics.VIDEOS.labels(status.value).set(of_status.count)
            due_at = of_status.oldest_due_at
            waited = now - due_at if due_at else timedelta(0)
            metrics.OLDEST_DUE_SECONDS.labels(status.value).set(waited.total_seconds())
        metrics.RESERVED_BYTES.set(counted.reserved_bytes)
        metrics.STORED_BYTES.set(counted.stored_bytes)
        metrics.ACCOUNTS.set(counted.accounts)
        metrics.COUNTED_AT.set(now.timestamp())
