"""Delete accounts with all their videos. The account's row is the job, as a video's row is."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.crud import leases, sessions, users, videos
from app.ports import Clock

log = structlog.get_logger()

_BATCH = 100
"""Videos whose removal one transaction starts, so that none holds SQLite's write lock for long."""


@dataclass(frozen=True)
class StartedDeletion:
    ended: Sequence[sessions.EndedSession]
    stopped: Sequence[uuid.UUID]
    """The uploads that were open."""


@dataclass
class AccountDeletion:
    """Every step may be repeated, by any process. The reconciler removes the videos from the store."""

    database: Database
    clock: Clock

    async def start(self, session: AsyncSession, user_id: uuid.UUID) -> StartedDeletion | None:
        """Disable the account for good, end its sessions and stop its uploads. Return None if it is gone.

        After the transaction, `finish` does the rest. If the process dies before that, `finish_all` does.
        """
        if not await users.start_deletion(session, user_id, self.clock.now()):
            return None
        ended = await sessions.delete_of(session, user_id)
        return StartedDeletion(ended, await self.stop_uploads(session, user_id))

    async def stop_uploads(self, session: AsyncSession, user_id: uuid.UUID) -> Sequence[uuid.UUID]:
        """Start the removal of open uploads. The caller has locked the user's row, so that none begins meanwhile."""
        now = self.clock.now()
        return [
            video_id
            for video_id in sorted(await videos.open_upload_ids(session, user_id, also_removed=True))
            if await leases.start_removal(session, video_id, now, leases.is_open_upload())
        ]

    async def finish_all(self) -> None:
        """Continue the deletion of each deleted account."""
        async with self.database.reading() as session:
            deleted = await users.list_deleted(session)
        for user_id in deleted:
            await self.finish(user_id)

    async def finish(self, user_id: uuid.UUID) -> None:
        """Start the removal of the account's videos. Once none is left, delete the account's row."""
        while await self._start_removals(user_id):
            pass
        async with self.database.transaction() as session:
            is_gone = await users.finish_deletion(session, user_id)
        if is_gone:
            log.info("account.removed", user_id=str(user_id))

    async def _start_removals(self, user_id: uuid.UUID) -> bool:
        """Return whether there may be more."""
        async with self.database.reading() as session:
            video_ids = await videos.ids_to_remove(session, user_id, _BATCH)
        if not video_ids:
            return False
        now = self.clock.now()
        async with self.database.transaction() as session:
            for video_id in video_ids:
                await leases.start_removal(session, video_id, now)
        return True
