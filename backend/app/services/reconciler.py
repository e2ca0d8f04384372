"""Upkeep: rows that want attention and have no caller: expired uploads, stale completions, unfinished removals."""

import asyncio
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import structlog

from app.core.db import Database
from app.crud import videos
from app.domain.errors import SlipwayError, Unavailable
from app.domain.recheck import RECHECK_AFTER, is_gone
from app.domain.video_status import VideoEvent, VideoStatus
from app.models import Video
from app.ports import Clock, NoSuchUpload, ObjectStorage, StoredPart
from app.services.background import BackgroundTasks
from app.services.removal import Removal
from app.services.uploads import UploadService

log = structlog.get_logger()

_COMPLETIONS = (VideoStatus.COMPLETING,)
_OTHERS = (VideoStatus.UPLOADING, VideoStatus.EXPIRED, VideoStatus.DELETING, VideoStatus.FAILED)
_BATCH = 100
_AT_ONCE = 8
"""Completions, and as many others: an assembly may take minutes, and deletions do not wait for it."""
_TRY_AGAIN = timedelta(seconds=5)
_CLAIM = timedelta(seconds=30)
"""For how long a row is left to the process that tends it: longer than a healthy store takes. Two do no harm."""


class Reconciler:
    def __init__(
        self,
        database: Database,
        storage: ObjectStorage,
        clock: Clock,
        tasks: BackgroundTasks,
        uploads: UploadService,
        removal: Removal,
        grace: timedelta,
    ) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock
        self._tasks = tasks
        self._uploads = uploads
        self._removal = removal
        self._grace = grace
        self._in_hand: dict[uuid.UUID, VideoStatus] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def reconcile_due(self) -> int:
        """Does what is due, a bounded batch at a time; answers how many rows it looked at."""
        started = await self.start_due()
        if started:
            await asyncio.wait(started)
        for task in started:
            task.result()
        return len(started)

    async def reconcile(self, rows: int) -> None:
        """Batch after batch, until so many rows were looked at or none is due."""
        while rows > 0 and (looked_at := await self.reconcile_due()):
            rows -= looked_at

    async def count_due(self) -> int:
        async with self._database.reading() as session:
            return await videos.count_due(session, (*_COMPLETIONS, *_OTHERS), self._clock.now())

    async def start_due(self) -> list[asyncio.Task[None]]:
        """Takes what is due in hand, each row once; the tasks end by themselves and raise nothing."""
        completing = sum(1 for status in self._in_hand.values() if status in _COMPLETIONS)
        others = len(self._in_hand) - completing
        due = await self._due(_COMPLETIONS, _AT_ONCE - completing)
        due += await self._due(_OTHERS, _BATCH - others)
        due = [video for video in due if video.id not in self._in_hand]
        self._in_hand |= {video.id: video.status for video in due}
        return [self._tasks.start(self._reconcile_when_free(video)) for video in due]

    async def _due(self, statuses: Collection[VideoStatus], limit: int) -> list[Video]:
        if limit <= 0:
            return []
        async with self._database.reading() as session:
            return await videos.list_due(session, statuses, self._clock.now(), limit)

    async def _reconcile_when_free(self, video: Video) -> None:
        try:
            if video.status in _COMPLETIONS:
                await self._reconcile_safely(video)
            else:
                async with self._turns:
                    if await self._claim(video):
                        await self._reconcile_safely(video)
        except Unavailable as error:
            log.warning("reconciler.waiting", reason=error.code)  # it is still due, or will be soon
        finally:
            del self._in_hand[video.id]

    async def _claim(self, video: Video) -> bool:
        """False: another process has taken it in hand, or it is not due any more. (A completion has its lease.)"""
        async with self._database.transaction() as session:
            return await videos.claim_due(session, video, self._clock.now() + _CLAIM)

    async def _reconcile_safely(self, video: Video) -> None:
        try:
            await self._reconcile(video)
        except Unavailable as error:
            log.warning("reconciler.postponed", video_id=str(video.id), reason=error.code)
            await self._try_again_later(video)
        except SlipwayError as error:
            # A completion taken over found parts missing, or the video deleted: its state says so now.
            log.info("reconciler.settled", video_id=str(video.id), outcome=error.code)
        except Exception:
            # One bad row must not stay first in line and hold up all others.
            log.exception("reconciler.failed", video_id=str(video.id))
            await self._try_again_later(video)

    async def _try_again_later(self, video: Video) -> None:
        async with self._database.transaction() as session:
            await videos.set_due(session, video.id, self._clock.now() + _TRY_AGAIN)

    async def _reconcile(self, video: Video) -> None:
        match video.status:
            case VideoStatus.UPLOADING:
                await self._expire_if_stalled(video)
            case VideoStatus.COMPLETING:
                await self._uploads.resume_completion(video.id)
            case _:
                await self._removal.step(video.id)

    async def _expire_if_stalled(self, video: Video) -> None:
        parts = await self._parts_of(video)
        now = self._clock.now()
        expires_at = await self._expires_at(video, parts or [], now)
        if expires_at <= now and await self._uploads.is_assembled(video):
            await self._complete_after_all(video, now)
            return
        async with self._database.transaction() as session:
            if expires_at > now:
                await videos.move_expiry(session, video.id, expires_at)
                return
            # Finished once, if its row was restored: then one 404 that is not true would delete the object. Of what is
            # finished a store lists no upload, or (the embedded one) all its parts; or anew what came late, and that
            # is not told from an upload that was left.
            may_be_finished = parts is None or len(parts) >= video.part_plan.part_count
            if may_be_finished and not is_gone(video.missing_since, now):
                since = video.missing_since or now
                await videos.look_again(session, video, since, due_at=since + RECHECK_AFTER)
                return
            # State first, then the store: a complete that comes now is refused, never half undone.
            expired = await videos.transition(
                session,
                video.id,
                VideoEvent.EXPIRED,
                videos.expires_at(video.expires_at),
                due_at=now,
                missing_since=None,
            )
        if expired:
            log.info("upload.expired", video_id=str(video.id))
            await self._removal.step(video.id)

    async def _parts_of(self, video: Video) -> Sequence[StoredPart] | None:
        """None: the store knows of no upload."""
        if video.upload_id is None:
            return None
        try:
            return await self._storage.list_parts(video.object_key, video.upload_id)
        except NoSuchUpload:
            return None

    async def _complete_after_all(self, video: Video, now: datetime) -> None:
        """Only a database older than its bucket has such a row: it was restored, and the video was finished since."""
        async with self._database.transaction() as session:
            await videos.transition(
                session, video.id, VideoEvent.COMPLETE_CLAIMED, due_at=now, missing_since=None
            )
        log.warning("upload.assembled_already", video_id=str(video.id))

    async def _expires_at(self, video: Video, parts: Sequence[StoredPart], now: datetime) -> datetime:
        """As announced, or the grace after the newest part; how old that is, the store's clock says, not ours."""
        if not parts:
            return video.expires_at or video.created_at + self._grace
        newest = max(part.last_modified for part in parts)
        return now + self._grace - (await self._storage.server_time() - newest)
