"""Announce and start probes. A job is a row in `processing`, and its lease columns are the claim on it."""

import asyncio
import math
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.core.tasks import run_forever, side_by_side
from app.crud import leases
from app.ports import Clock


@dataclass
class ProbeQueue:
    database: Database
    clock: Clock
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def enqueue(self, session: AsyncSession, video_id: uuid.UUID) -> None:
        """Make the probe due in the caller's transaction. Its commit wakes this process's workers."""
        await leases.make_probe_due(session, video_id, self.clock.now())
        event.listen(session.sync_session, "after_commit", lambda _session: self.wake.set(), once=True)

    async def work(
        self, probe_next: Callable[[], Awaitable[bool]], at_once: int, check_seconds: float
    ) -> None:
        """Whenever probes are due, call `probe_next` until none is, up to `at_once` concurrently. Run until cancelled.

        One query every `check_seconds` finds the probes that other processes enqueued, postponed or left behind.
        """

        async def probe_until_none_due() -> None:
            while await probe_next():
                pass

        workers = (
            run_forever("probe", probe_until_none_due, math.inf, wake=self.wake) for _ in range(at_once)
        )
        await side_by_side(run_forever("probe_queue", self._wake_if_due, check_seconds), *workers)

    async def _wake_if_due(self) -> None:
        async with self.database.reading() as session:
            if await leases.is_probe_due(session, self.clock.now()):
                self.wake.set()
