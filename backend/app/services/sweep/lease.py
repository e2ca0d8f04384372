"""Let one sweep at a time, of all processes, make changes."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from app.core.db import Database
from app.crud import installation
from app.domain.sweep_report import SweepReport
from app.models import Installation
from app.ports import Clock

SWEEP_LEASE = timedelta(minutes=2)
"""Longer than the time between two renewals. A killed sweep blocks the next one for so long."""
RENEW_AFTER_SECONDS = 20.0
_RETRY_SECONDS = 0.5


class AnotherSweepRunning(Exception):
    """Another sweep holds the lease."""

    def __init__(self) -> None:
        super().__init__(
            "Another sweep is running, so this one did not begin. Try again in a few minutes, or wait for it with "
            "--wait."
        )


class SweepOvertaken(Exception):
    """This sweep's lease ended, and another sweep may have begun."""

    def __init__(self) -> None:
        super().__init__(
            "This sweep paused for too long, and another one may have begun. Its changes so far remain. "
            "Try again in a few minutes."
        )


class SweepLease:
    """Until it is claimed, as in a dry run, `keep` and `renew` do nothing."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._owner = uuid.uuid4()
        self._is_claimed = False
        self._renewed_at = 0.0

    async def claim(self, due_after: timedelta | None = None) -> Installation | None:
        """Return the installation's row, or None if another sweep runs or one ran within `due_after`."""
        async with self._database.transaction() as session:
            row = await installation.get_or_create(session)
            now = await installation.database_time(session, self._clock.now())
            if not await installation.claim_sweep(session, self._owner, now, SWEEP_LEASE, due_after):
                return None
        self._is_claimed = True
        self._renewed_at = asyncio.get_running_loop().time()
        return row

    async def wait_for_claim(self, wait_seconds: float) -> Installation:
        """Claim the lease. Raise AnotherSweepRunning if another sweep still runs after `wait_seconds`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        while (row := await self.claim()) is None:
            if loop.time() >= deadline:
                raise AnotherSweepRunning
            await asyncio.sleep(_RETRY_SECONDS)
        return row

    async def keep(self) -> None:
        """Renew the lease if the last renewal is old. Raise SweepOvertaken if it has ended."""
        if asyncio.get_running_loop().time() - self._renewed_at >= RENEW_AFTER_SECONDS:
            await self.renew()

    async def renew(self) -> None:
        """Renew the lease before rows change. Raise SweepOvertaken if it has ended.

        `keep` is not enough there, because a process's own clock stops while its machine sleeps.
        """
        if not self._is_claimed:
            return
        async with self._database.transaction() as session:
            now = await installation.database_time(session, self._clock.now())
            if not await installation.extend_sweep(session, self._owner, now + SWEEP_LEASE):
                raise SweepOvertaken
        self._renewed_at = asyncio.get_running_loop().time()

    @asynccontextmanager
    async def released_on_error(self) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            await self.release()
            raise

    async def release(self, report: SweepReport | None = None) -> bool:
        """Release the lease and save the report for all processes. Return False if the lease has ended."""
        async with self._database.transaction() as session:
            now = await installation.database_time(session, self._clock.now())
            return await installation.finish_sweep(session, self._owner, now, report)
