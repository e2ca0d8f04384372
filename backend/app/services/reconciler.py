"""Reconcile rows that are due without a caller: expired uploads, interrupted completions, unfinished removals."""

import asyncio
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from app.core.audit_events import AuditEvent, record
from app.core.db import Database
from app.crud import leases, undo, videos
from app.domain.errors import SlipwayError, Unavailable
from app.domain.recheck import RECHECK_AFTER, is_gone
from app.domain.video_status import VideoEvent, VideoStatus
from app.models import Video
from app.ports import Clock, NoSuchUpload, ObjectStorage, StoredPart
from app.services.background import BackgroundTasks
from app.services.completion import CompletionService
from app.services.removal import Removal

log = structlog.get_logger()

_COMPLETIONS = (VideoStatus.COMPLETING,)
_OTHERS = (VideoStatus.UPLOADING, VideoStatus.EXPIRED, VideoStatus.DELETING, VideoStatus.FAILED)
BATCH = 100
CONCURRENCY = 8
"""Of completions, and again of the others. An assembly may take minutes, and deletions must not wait for it."""
_RETRY_AFTER = timedelta(seconds=5)
_CLAIM = timedelta(seconds=30)
"""How long a claimed row is left to its process, which is longer than a healthy store takes. Two workers do no harm."""


@dataclass
class Reconciler:
    database: Database
    storage: ObjectStorage
    clock: Clock
    tasks: BackgroundTasks
    completion: CompletionService
    removal: Removal
    grace: timedelta
    running: dict[uuid.UUID, VideoStatus] = field(default_factory=dict)
    """Rows that this process works on."""
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENCY))

    async def reconcile_due(self) -> int:
        """Reconcile one batch of due rows and return their number."""
        started = await self.start_due()
        if started:
            await asyncio.wait(started)
        for task in started:
            task.result()
        return len(started)

    async def reconcile(self, rows: int) -> None:
        """Reconcile batches until `rows` rows are done or none is due."""
        while rows > 0 and (done := await self.reconcile_due()):
            rows -= done

    async def count_due(self) -> int:
        async with self.database.reading() as session:
            return await videos.count_due(session, (*_COMPLETIONS, *_OTHERS), self.clock.now())

    async def count_left(self) -> int:
        """Count what `reconcile` could not do. It postponed that, and a removal by up to `RECHECK_AFTER`."""
        soon = self.clock.now() + _RETRY_AFTER
        async with self.database.reading() as session:
            return await videos.count_left(session, soon)

    async def start_due(self) -> list[asyncio.Task[None]]:
        """Start a task for each due row that has none yet. The tasks raise nothing."""
        await self._start_removals()
        completing = sum(1 for status in self.running.values() if status in _COMPLETIONS)
        others = len(self.running) - completing
        due = await self._due(_COMPLETIONS, CONCURRENCY - completing)
        due += await self._due(_OTHERS, BATCH - others)
        # A completion that is deleted between the two queries is in both answers. The later one counts.
        new = {video.id: video for video in due if video.id not in self.running}
        self.running |= {video_id: video.status for video_id, video in new.items()}
        return [self.tasks.start(self._run(video)) for video in new.values()]

    async def _start_removals(self) -> None:
        """Begin to delete the videos that their owners removed and can no longer restore."""
        now = self.clock.now()
        async with self.database.reading() as session:
            due = await undo.list_due(session, now, BATCH)
        for video in due:
            async with self.database.transaction() as session:
                # The owner may have been faster.
                begins = await leases.start_removal(session, video.id, now, undo.is_due(now))
            if begins:
                record(AuditEvent.VIDEO_DELETED, user_id=video.user_id, video_id=video.id)

    async def _due(self, statuses: Collection[VideoStatus], limit: int) -> list[Video]:
        if limit <= 0:
            return []
        async with self.database.reading() as session:
            return await videos.list_due(session, statuses, self.clock.now(), limit)

    async def _run(self, video: Video) -> None:
        try:
            if video.status in _COMPLETIONS:
                await self._reconcile_safely(video)
            else:
                async with self.slots:
                    if await self._claim(video):
                        await self._reconcile_safely(video)
        except Unavailable as error:
            log.warning("reconciler.waiting", reason=error.code)  # the row is still due, or will be soon
        finally:
            del self.running[video.id]

    async def _claim(self, video: Video) -> bool:
        """Return False if another process claimed the row or it is no longer due. A completion has its lease."""
        async with self.database.transaction() as session:
            return await videos.claim_due(session, video, self.clock.now() + _CLAIM)

    async def _reconcile_safely(self, video: Video) -> None:
        try:
            await self._reconcile(video)
        except Unavailable as error:
            log.warning("reconciler.postponed", video_id=str(video.id), reason=error.code)
            await self._retry_later(video)
        except SlipwayError as error:
            # A resumed completion found parts missing, or the user deleted the video. The row says so now.
            log.info("reconciler.settled", video_id=str(video.id), outcome=error.code)
        except Exception:
            # A row that always fails must not block the others.
            log.exception("reconciler.failed", video_id=str(video.id))
            await self._retry_later(video)

    async def _retry_later(self, video: Video) -> None:
        async with self.database.transaction() as session:
            await videos.set_due(session, video.id, self.clock.now() + _RETRY_AFTER)

    async def _reconcile(self, video: Video) -> None:
        match video.status:
            case VideoStatus.UPLOADING:
                await self._expire_if_stalled(video)
            case VideoStatus.COMPLETING:
                await self.completion.resume(video.id)
            case _:
                await self.removal.step(video.id)

    async def _expire_if_stalled(self, video: Video) -> None:
        parts = await self._parts_of(video)
        now = self.clock.now()
        expires_at = await self._expires_at(video, parts or [], now)
        if expires_at <= now and await self.completion.assembly.is_done(video):
            await self._start_completion(video, now)
            return
        async with self.database.transaction() as session:
            if expires_at > now:
                await videos.move_expiry(session, video.id, expires_at)
                return
            # A restored row may describe a completed upload. A false 404 would then delete its object, so check twice.
            # The store lists no parts of a completed upload, or (the embedded store) all of them.
            may_be_complete = parts is None or len(parts) >= video.part_plan.part_count
            if may_be_complete and not is_gone(video.missing_since, now):
                since = video.missing_since or now
                await videos.recheck_later(session, video, since, due_at=since + RECHECK_AFTER)
                return
            # The status changes before the abort, so that a complete call is refused and not half undone.
            expired = await videos.transition(
                session,
                video.id,
                VideoEvent.EXPIRED,
                videos.expires_at(video.expires_at),
                changed_at=now,
                due_at=now,
                missing_since=None,
            )
        if expired:
            log.info("upload.expired", video_id=str(video.id))
            await self.removal.step(video.id)

    async def _parts_of(self, video: Video) -> Sequence[StoredPart] | None:
        """Return None if the store does not know the upload."""
        if video.upload_id is None:
            return None
        try:
            return await self.storage.list_parts(video.object_key, video.upload_id)
        except NoSuchUpload:
            return None

    async def _start_completion(self, video: Video, now: datetime) -> None:
        """Move an uploading row whose object exists to `completing`. Only a restored database has such a row."""
        async with self.database.transaction() as session:
            await videos.transition(
                session, video.id, VideoEvent.COMPLETE_CLAIMED, changed_at=now, due_at=now, missing_since=None
            )
        log.warning("upload.assembled_already", video_id=str(video.id))

    async def _expires_at(self, video: Video, parts: Sequence[StoredPart], now: datetime) -> datetime:
        """Return the end of the grace after the newest part. The store's clock tells the age of a part."""
        if not parts:
            return video.expires_at or video.created_at + self.grace
        newest = max(part.last_modified for part in parts)
        return now + self.grace - (await self.storage.server_time() - newest)
