"""Remove a video's bytes from the store. The row goes last, after the store confirmed twice that nothing is left."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

import structlog

from app.core.db import Database
from app.crud import users, videos
from app.domain.errors import OBJECT_MISSING
from app.domain.recheck import RECHECK_AFTER
from app.domain.video_status import HIDDEN, VideoStatus
from app.models import Video
from app.ports import Clock, NoSuchObject, ObjectStorage, VersionsKept

log = structlog.get_logger()


@dataclass
class Removal:
    """Remove the bytes of deleted, expired and rejected videos, in steps that may be repeated at any time."""

    database: Database
    storage: ObjectStorage
    clock: Clock

    async def step(self, video_id: uuid.UUID) -> None:
        """Do the next step. Raise StorageUnavailable, DatabaseUnavailable or Overloaded if it must be repeated."""
        async with self.database.reading() as session:
            video = await videos.get(session, video_id)
        if video is None or video.status not in HIDDEN | {VideoStatus.FAILED}:
            return
        now = self.clock.now()
        if video.status in HIDDEN and video.lease_until is not None and video.lease_until > now:
            # A running completion could assemble the object after the delete, so wait for its lease.
            async with self.database.transaction() as session:
                await videos.set_due(session, video_id, video.lease_until)
            return
        if _is_missing(video) and await self._has_object(video):
            # The object exists after all. Keep it until its owner deletes the video.
            log.error("upload.object_returned", video_id=str(video_id))
            async with self.database.transaction() as session:
                await videos.finish_failed(session, video_id)
            return
        try:
            is_clear = await self._clear_storage(video)
        except VersionsKept:
            # The bytes are still there, so they count against the quota until somebody grants the right.
            log.error("storage.versions_kept", video_id=str(video_id))
            async with self.database.transaction() as session:
                await videos.set_due(session, video_id, now + RECHECK_AFTER)
            return
        if not is_clear:
            async with self.database.transaction() as session:
                await videos.set_due(session, video_id, now + timedelta(seconds=2))
            return
        await self._confirm(video)

    async def _clear_storage(self, video: Video) -> bool:
        """Abort and delete. Return whether the store has neither an upload nor an object at the video's key."""
        if video.upload_id is not None:
            await self.storage.abort_multipart_upload(video.object_key, video.upload_id)
        # If a process died after CreateMultipartUpload, the row does not know the upload ID.
        async for upload in self.storage.list_uploads(video.object_key):
            await self.storage.abort_multipart_upload(upload.object_key, upload.upload_id)
        if not _is_missing(video):
            await self.storage.delete(video.object_key)
        if await self._has_object(video):
            return False
        return not [upload async for upload in self.storage.list_uploads(video.object_key)]

    async def _has_object(self, video: Video) -> bool:
        try:
            await self.storage.head(video.object_key)
        except NoSuchObject:
            return False
        return True

    async def _confirm(self, video: Video) -> None:
        now = self.clock.now()
        async with self.database.transaction() as session:
            await users.lock(session, video.user_id)
            leaving = video.status in HIDDEN
            first = await videos.release_reservation(
                session, video, gone_at=now, due_at=now + RECHECK_AFTER if leaving else None
            )
            if first:
                await users.release_bytes(session, video.user_id, video.reserved_bytes)
            elif not leaving:
                # An earlier step is already recorded, or an object appeared after it.
                await videos.finish_failed(session, video.id)
            elif video.storage_gone_at:
                # Until then pages can also learn that the video is gone.
                settled_at = (
                    max(video.storage_gone_at, video.changed_at or video.storage_gone_at) + RECHECK_AFTER
                )
                if now >= settled_at:
                    await videos.delete_row(session, video.id, video.status)
                else:
                    await videos.set_due(session, video.id, settled_at)
        log.info(
            "storage.cleared", video_id=str(video.id), status=video.status.value, confirmed_again=not first
        )


def _is_missing(video: Video) -> bool:
    """Return whether the video failed because its object was missing. That is no reason to delete the object."""
    return video.status is VideoStatus.FAILED and video.status_code == OBJECT_MISSING["status_code"]
