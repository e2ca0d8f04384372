"""The JobQueue port without a broker. A job is a row in `processing`, and its lease columns are the claim on it."""

import asyncio
import uuid

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.tasks import run_forever, side_by_side
from app.crud import leases
from app.ports import Clock, ProbeOne


class EmbeddedQueue:
    """Checks every `check_seconds` for due jobs and for those of other processes. Our own jobs wake us."""

    def __init__(self, clock: Clock, check_seconds: float = 1.0) -> None:
        self._clock = clock
        self._check_seconds = check_seconds
        self._wake = asyncio.Event()

    async def enqueue_probe(self, session: AsyncSession, video_id: uuid.UUID) -> None:
        await leases.make_probe_due(session, video_id, self._clock.now())
        event.listen(session.sync_session, "after_commit", lambda _session: self._wake.set(), once=True)

    async def work(self, probe: ProbeOne, at_once: int) -> None:
        async def work_off() -> None:
            while await probe():
                pass

        await side_by_side(
            *(run_forever("probe", work_off, self._check_seconds, wake=self._wake) for _ in range(at_once))
        )
