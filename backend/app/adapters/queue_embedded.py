"""The JobQueue port without a broker: a job is a row in `processing`, its lease columns are the claim on it."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.crud import videos
from app.domain.errors import Unavailable
from app.ports import Clock

log = structlog.get_logger()

_LOOK_EVERY_SECONDS = 1.0
"""For jobs that become due by the clock, or come from another process; our own wake us at once."""


class EmbeddedQueue:
    def __init__(self, database: Database, clock: Clock, lease: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._lease = lease
        self._woken = asyncio.Event()

    async def enqueue_probe(self, session: AsyncSession, video_id: uuid.UUID) -> None:
        await videos.make_probe_due(session, video_id, self._clock.now())
        event.listen(session.sync_session, "after_commit", lambda _session: self._woken.set(), once=True)

    async def work(self, probe: Callable[[uuid.UUID, uuid.UUID], Awaitable[None]]) -> None:
        """Takes jobs one after the other until cancelled; several of these may run side by side."""
        while True:
            self._woken.clear()
            try:
                while await self._take_one(probe):
                    pass
            except Unavailable as error:
                log.warning("worker.waiting", reason=error.code)
            except Exception:
                # The lease of that job runs out and counts as an attempt; this loop must not end.
                log.exception("worker.job_failed")
            try:
                async with asyncio.timeout(_LOOK_EVERY_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _take_one(self, probe: Callable[[uuid.UUID, uuid.UUID], Awaitable[None]]) -> bool:
        owner = uuid.uuid4()
        now = self._clock.now()
        async with self._database.transaction() as session:
            video_id = await videos.claim_probe(session, owner, now, now + self._lease)
        if video_id is None:
            return False
        await probe(video_id, owner)
        return True
