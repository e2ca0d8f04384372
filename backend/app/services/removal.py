"""Taking a video's bytes out of the store until the store confirms it; the row goes last."""

import uuid
from datetime import timedelta

import structlog

from app.core.db import Database
from app.crud import users, videos
from app.domain.video_status import VideoStatus
from app.models import Video
from app.ports import Clock, NoSuchObject, ObjectStorage

log = structlog.get_logger()

_LEAVING = (VideoStatus.DELETING, VideoStatus.EXPIRED)


class Removal:
    """One step of a deletion, an expiry or the clearing of a failed video; safe to repeat at any time."""

    def __init__(
        self, database: Database, storage: ObjectStorage, clock: Clock, settle_after: timedelta
    ) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock
        self._settle_after = settle_after
        """Between the two confirmations: a part that was on its way during the abort shows itself by then."""

    async def step(self, video_id: uuid.UUID) -> None:
        """Raises StorageUnavailable, DatabaseUnavailable, Overloaded: then the same step is due again."""
        async with self._database.reading() as session:
            video = await videos.get(session, video_id)
        if video is None or video.status not in (*_LEAVING, VideoStatus.FAILED):
            return
        now = self._clock.now()
        if video.status in _LEAVING and video.lease_until is not None and video.lease_until > now:
            # A completion is at work: what it assembles after our delete would stay. Its end is near.
            async with self._database.transaction() as session:
                await videos.set_due(session, video_id, video.lease_until)
            return
        if not await self._clear_storage(video):
            async with self._database.transaction() as session:
                await videos.set_due(session, video_id, now + timedelta(seconds=2))
            return
        await self._confirm(video)

    async def _clear_storage(self, video: Video) -> bool:
        """True when the store has neither an open upload nor an object at the video's key."""
        if video.upload_id is not None:
            await self._storage.abort_multipart_upload(video.object_key, video.upload_id)
        # Also an upload whose id never reached the row: the process died in between.
        async for upload in self._storage.list_uploads(video.object_key):
            await self._storage.abort_multipart_upload(upload.object_key, upload.upload_id)
        await self._storage.delete(video.object_key)
        try:
            await self._storage.head(video.object_key)
        except NoSuchObject:
            return not [upload async for upload in self._storage.list_uploads(video.object_key)]
        return False

    async def _confirm(self, video: Video) -> None:
        now = self._clock.now()
        async with self._database.transaction() as session:
            leaving = video.status in _LEAVING
            first = await videos.release_reservation(
                session, video, gone_at=now, due_at=now + self._settle_after if leaving else None
            )
            if first:
                await users.release_bytes(session, video.user_id, video.reserved_bytes)
            elif not leaving:
                # This row was done with already, by a commit whose answer was lost.
                await videos.rest_failed(session, video.id)
            elif video.storage_gone_at:
                settled_at = video.storage_gone_at + self._settle_after
                if now >= settled_at:
                    await videos.delete_row(session, video.id, video.status)
                else:
                    await videos.set_due(session, video.id, settled_at)
        log.info(
            "storage.cleared", video_id=str(video.id), status=video.status.value, confirmed_again=not first
        )
