"""The JobQueue port without a broker: a job is a row in `processing`, its lease columns are the claim on it."""

import asyncio
import uuid

import structlog
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.tasks import side_by_side
from app.crud import leases
from app.domain.errors import Unavailable
from app.ports import Clock, ProbeOne

log = structlog.get_logger()

_LOOK_EVERY_SECONDS = 1.0
"""For jobs that become due by the clock, or come from another process; our own wake us at once."""


class EmbeddedQueue:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._woken = asyncio.Event()

    async def enqueue_probe(self, session: AsyncSession, video_id: uuid.UUID) -> None:
        await leases.make_probe_due(session, video_id, self._clock.now())
        event.listen(session.sync_session, "after_commit", lambda _session: self._woken.set(), once=True)

    async def work(self, probe: ProbeOne, at_once: int) -> None:
        await side_by_side(*(self._work(probe) for _ in range(at_once)))

    async def _work(self, probe: ProbeOne) -> None:
        while True:
            self._woken.clear()
            try:
                while await probe():
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
