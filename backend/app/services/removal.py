"""Taking a video's bytes out of the store until the store confirms it; the row goes last."""

import uuid
from datetime import timedelta

import structlog

from app.core.db import Database
from app.crud import users, videos
from app.domain.errors import OBJECT_MISSING
from app.domain.recheck import RECHECK_AFTER
from app.domain.video_status import VideoStatus
from app.models import Video
from app.ports import Clock, NoSuchObject, ObjectStorage

log = structlog.get_logger()

_LEAVING = (VideoStatus.DELETING, VideoStatus.EXPIRED)


class Removal:
    """One step of a deletion, an expiry or the clearing of a failed video; safe to repeat at any time."""

    def __init__(self, database: Database, storage: ObjectStorage, clock: Clock) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock

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
        if _is_lost(video) and await self._has_object(video):
            # It was there after all, or came back: that is not ours to destroy. It stays until its owner deletes it.
            log.error("upload.object_returned", video_id=str(video_id))
            async with self._database.transaction() as session:
                await videos.rest_failed(session, video_id)
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
        if not _is_lost(video):
            await self._storage.delete(video.object_key)
        if await self._has_object(video):
            return False
        return not [upload async for upload in self._storage.list_uploads(video.object_key)]

    async def _has_object(self, video: Video) -> bool:
        try:
            await self._storage.head(video.object_key)
        except NoSuchObject:
            return False
        return True

    async def _confirm(self, video: Video) -> None:
        now = self._clock.now()
        async with self._database.transaction() as session:
            leaving = video.status in _LEAVING
            first = await videos.release_reservation(
                session, video, gone_at=now, due_at=now + RECHECK_AFTER if leaving else None
            )
            if first:
                await users.release_bytes(session, video.user_id, video.reserved_bytes)
            elif not leaving:
                # Done with before: a commit whose answer was lost, or an object that came back.
                await videos.rest_failed(session, video.id)
            elif video.storage_gone_at:
                settled_at = video.storage_gone_at + RECHECK_AFTER
                if now >= settled_at:
                    await videos.delete_row(session, video.id, video.status)
                else:
                    await videos.set_due(session, video.id, settled_at)
        log.info(
            "storage.cleared", video_id=str(video.id), status=video.status.value, confirmed_again=not first
        )


def _is_lost(video: Video) -> bool:
    """Failed because nobody found its object, which is no reason to delete it."""
    return video.status is VideoStatus.FAILED and video.status_code == OBJECT_MISSING["status_code"]
