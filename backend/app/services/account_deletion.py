"""Finish what the operator's deletion of an account began. The account's row is the job, as a video's row is."""

import uuid
from dataclasses import dataclass

import structlog

from app.core.db import Database
from app.crud import leases, users, videos
from app.ports import Clock

log = structlog.get_logger()

_BATCH = 100
"""Videos whose removal one transaction starts, so that none holds SQLite's write lock for long."""


@dataclass
class AccountDeletion:
    """Every step may be repeated, by any process. The reconciler removes the videos from the store."""

    database: Database
    clock: Clock

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
