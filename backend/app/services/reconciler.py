"""Upkeep: rows that want attention and have no caller: expired uploads, stale completions, unfinished removals."""

from datetime import timedelta

import structlog

from app.core.db import Database
from app.crud import videos
from app.domain.errors import SlipwayError, Unavailable
from app.domain.video_status import VideoEvent, VideoStatus
from app.models import Video
from app.ports import Clock, NoSuchUpload, ObjectStorage
from app.services.removal import Removal
from app.services.uploads import UploadService, upload_progress

log = structlog.get_logger()

_TENDED = (
    VideoStatus.UPLOADING,
    VideoStatus.COMPLETING,
    VideoStatus.EXPIRED,
    VideoStatus.DELETING,
    VideoStatus.FAILED,
)
_BATCH = 100
_TRY_AGAIN = timedelta(seconds=5)


class Reconciler:
    def __init__(
        self,
        database: Database,
        storage: ObjectStorage,
        clock: Clock,
        uploads: UploadService,
        removal: Removal,
        grace: timedelta,
    ) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock
        self._uploads = uploads
        self._removal = removal
        self._grace = grace

    async def tend_due(self) -> int:
        """Does what is due, a bounded batch at a time; answers how many rows it looked at."""
        async with self._database.reading() as session:
            due = await videos.list_due(session, _TENDED, self._clock.now(), _BATCH)
        for video in due:
            try:
                await self._tend(video)
            except Unavailable as error:
                log.warning("upkeep.postponed", video_id=str(video.id), reason=error.code)
                await self._try_again_later(video)
            except SlipwayError as error:
                # A completion taken over found parts missing, or the video deleted: its state says so now.
                log.info("upkeep.settled", video_id=str(video.id), outcome=error.code)
            except Exception:
                # One bad row must not stay first in line and hold up all others.
                log.exception("upkeep.failed", video_id=str(video.id))
                await self._try_again_later(video)
        return len(due)

    async def _try_again_later(self, video: Video) -> None:
        async with self._database.transaction() as session:
            await videos.set_due(session, video.id, self._clock.now() + _TRY_AGAIN)

    async def _tend(self, video: Video) -> None:
        match video.status:
            case VideoStatus.UPLOADING:
                await self._expire_if_stalled(video)
            case VideoStatus.COMPLETING:
                await self._uploads.resume_completion(video.id)
            case _:
                await self._removal.step(video.id)

    async def _expire_if_stalled(self, video: Video) -> None:
        try:
            parts = (
                []
                if video.upload_id is None
                else await self._storage.list_parts(video.object_key, video.upload_id)
            )
        except NoSuchUpload:
            parts = []
        now = self._clock.now()
        expires_at = upload_progress(video, parts) + self._grace
        async with self._database.transaction() as session:
            if expires_at > now:
                await videos.move_expiry(session, video.id, expires_at)
                return
            # State first, then the store: a complete that comes now is refused, never half undone.
            expired = await videos.transition(session, video.id, VideoEvent.EXPIRED, due_at=now)
        if expired:
            log.info("upload.expired", video_id=str(video.id))
            await self._removal.step(video.id)
