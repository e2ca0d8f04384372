"""Remove videos so that their owner can take it back for a while. Then the reconciler deletes them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.core.audit_events import AuditEvent, record
from app.core.db import Database
from app.crud import undo, users, videos
from app.domain.errors import TooManyUploads
from app.models import Video
from app.ports import Clock


@dataclass
class UndoService:
    database: Database
    clock: Clock
    undo_time: timedelta
    max_uploads_in_flight: int

    async def remove(self, user_id: uuid.UUID, video_ids: Sequence[uuid.UUID]) -> Sequence[uuid.UUID]:
        """Hide these videos and schedule their deletion. Return which of them are removed now.

        A video that is unknown, another user's or being deleted is left out. A repeated call doesn't extend the time.
        """
        now = self.clock.now()
        async with self.database.transaction() as session:
            removed = await undo.remove(session, user_id, video_ids, now, now + self.undo_time)
        if removed:
            record(AuditEvent.VIDEOS_REMOVED, user_id=user_id, video_ids=_sorted(removed))
        return removed

    async def restore(self, user_id: uuid.UUID, video_ids: Sequence[uuid.UUID]) -> Sequence[Video]:
        """Bring these videos back, and return which of them the user sees now.

        A video whose deletion began is left out. Raise TooManyUploads, with nothing restored, if more uploads would be
        open than the user may have.
        """
        async with self.database.transaction() as session:
            # As a create does, so that both together don't exceed the limit.
            await users.lock(session, user_id)
            restored = await undo.restore(session, user_id, video_ids, self.clock.now())
            open_ids = await videos.open_upload_ids(session, user_id)
            if len(open_ids) > self.max_uploads_in_flight and set(open_ids) & set(restored):
                kept = [video_id for video_id in open_ids if video_id not in restored]
                raise TooManyUploads([str(video_id) for video_id in kept])
            shown = await undo.list_shown(session, user_id, video_ids)
        if restored:
            record(AuditEvent.VIDEOS_RESTORED, user_id=user_id, video_ids=_sorted(restored))
        return shown


def _sorted(video_ids: Sequence[uuid.UUID]) -> list[str]:
    return sorted(str(video_id) for video_id in video_ids)
