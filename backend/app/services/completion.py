"""Complete uploads, one call at a time under a lease. services/assembly.py decides by the store whether it worked."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Unpack

import structlog

from app.core.audit_events import AuditEvent, record
from app.core.db import Database
from app.core.storage_causes import KnownCause
from app.crud import leases, videos
from app.crud.guarded import VideoChanges
from app.domain.errors import (
    OBJECT_MISSING,
    PartsIncomplete,
    StorageUnavailable,
    Unavailable,
    VideoNotFound,
    WrongState,
)
from app.domain.recheck import is_gone
from app.domain.video_status import HIDDEN, VideoEvent, VideoStatus
from app.models import Video
from app.ports import Clock
from app.services.assembly import Assembly, ObjectMissing
from app.services.background import BackgroundTasks
from app.services.lease_renewal import renewed
from app.services.probe_queue import ProbeQueue

log = structlog.get_logger()

_LEASE = timedelta(seconds=30)
LEASE_RENEWAL_SECONDS = 10.0
WAIT_SECONDS = 10.0
"""How long a call waits for the store before it answers 202."""
POLL_SECONDS = 0.2
MAX_WAITING = 8
"""Calls about one video that wait in this process. Each poll is a transaction, and 200 of them delayed everybody."""


@dataclass
class CompletionService:
    database: Database
    assembly: Assembly
    queue: ProbeQueue
    clock: Clock
    tasks: BackgroundTasks
    calls: Counter[uuid.UUID] = field(default_factory=Counter)
    """How many calls about each video wait for an answer."""

    async def complete(self, user_id: uuid.UUID, video_id: uuid.UUID, part_md5s: Mapping[int, str]) -> Video:
        """Assemble the parts and verify the object. Concurrent calls wait for the one that holds the lease.

        `part_md5s` maps part numbers to the MD5s that the browser computed, in hexadecimal. If the store needs longer
        than 10 s, or MAX_WAITING calls wait already, return the video while it is still `completing`. Raise
        VideoNotFound, WrongState, PartsIncomplete, StorageUnavailable.
        """
        may_wait = self.calls[video_id] < MAX_WAITING
        self.calls[video_id] += 1
        try:
            return await self._complete(user_id, video_id, part_md5s, WAIT_SECONDS if may_wait else 0.0)
        finally:
            self.calls[video_id] -= 1
            if not self.calls[video_id]:
                del self.calls[video_id]

    async def _complete(
        self, user_id: uuid.UUID, video_id: uuid.UUID, part_md5s: Mapping[int, str], wait_seconds: float
    ) -> Video:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        while True:
            owner = uuid.uuid4()
            video = await self._claim(user_id, video_id, part_md5s, owner)
            if video.status is VideoStatus.UPLOADING:
                continue  # another call claimed the video and released it before our claim
            if video.status is not VideoStatus.COMPLETING:
                return video
            if video.lease_owner == owner:
                # The task outlives this request, so that a closed connection does not stop an assembly.
                work = self.tasks.start(self._run(video, owner))
                done, _ = await asyncio.wait({work}, timeout=deadline - loop.time())
                return work.result() if done else video
            if loop.time() >= deadline:
                return video
            await asyncio.sleep(POLL_SECONDS)

    async def resume(self, video_id: uuid.UUID) -> None:
        """Continue a completion whose process has died."""
        owner = uuid.uuid4()
        now = self.clock.now()
        async with self.database.transaction() as session:
            if not await leases.take_over_completion(session, video_id, owner, now, now + _LEASE):
                return
            video = await videos.get(session, video_id)
        if video is not None:
            await self._run(video, owner)

    async def _claim(
        self, user_id: uuid.UUID, video_id: uuid.UUID, part_md5s: Mapping[int, str], owner: uuid.UUID
    ) -> Video:
        now = self.clock.now()
        until = now + _LEASE
        async with self.database.transaction() as session:
            video = await videos.get_visible(session, video_id, user_id)
            if video.status is VideoStatus.UPLOADING:
                if video.upload_id is None:
                    raise WrongState(video.status)
                await videos.transition(
                    session,
                    video_id,
                    VideoEvent.COMPLETE_CLAIMED,
                    changed_at=now,
                    lease_owner=owner,
                    lease_until=until,
                    due_at=until,
                    # A check before the expiry does not count as the first of the completion's two checks.
                    missing_since=None,
                    part_md5s=_merged_md5s(video, part_md5s),
                )
            elif video.status is VideoStatus.COMPLETING:
                md5s = _merged_md5s(video, part_md5s)
                await leases.take_over_completion(session, video_id, owner, now, until, part_md5s=md5s)
            else:
                return video
            return await videos.get_visible(session, video_id, user_id)

    async def _run(self, video: Video, owner: uuid.UUID) -> Video:
        try:
            async with renewed(partial(self._extend_lease, video.id, owner), LEASE_RENEWAL_SECONDS):
                stored = await self.assembly.assemble(video)
        except PartsIncomplete as error:
            # Only a part that arrives postpones the expiry. A complete call does not.
            await self._settle(video, owner, VideoEvent.PARTS_MISSING, due_at=video.expires_at)
            log.info("upload.parts_incomplete", video_id=str(video.id), **error.facts)
            raise
        except ObjectMissing:
            return await self._fail_at_recheck(video, owner)
        except Exception:
            await self._leave_undecided(video, owner, missing_since=None)
            raise
        completed = await self._settle(
            video,
            owner,
            VideoEvent.COMPLETE_VERIFIED,
            etag=stored.etag,
            uploaded_at=self.clock.now(),
            expires_at=None,
        )
        record(
            AuditEvent.UPLOAD_COMPLETED,
            user_id=video.user_id,
            video_id=video.id,
            size_bytes=video.size_bytes,
            parts_without_md5=video.part_plan.part_count - len(video.part_md5s or {}),
        )
        return completed

    async def _fail_at_recheck(self, video: Video, owner: uuid.UUID) -> Video:
        """Set the video failed if an earlier check missed the object too. Otherwise raise StorageUnavailable."""
        now = self.clock.now()
        if not is_gone(video.missing_since, now):
            log.warning("upload.object_not_found", video_id=str(video.id))
            await self._leave_undecided(video, owner, missing_since=video.missing_since or now)
            raise StorageUnavailable from KnownCause(
                "The store does not have the announced object. A later check decides."
            )
        log.error("upload.object_vanished", video_id=str(video.id))
        return await self._settle(video, owner, VideoEvent.OBJECT_VANISHED, **OBJECT_MISSING, due_at=now)

    async def _leave_undecided(
        self, video: Video, owner: uuid.UUID, *, missing_since: datetime | None
    ) -> None:
        """Release the lease. The next complete call may retry at once, and the reconciler does after the lease."""
        due_at = self.clock.now() + _LEASE
        async with self.database.transaction() as session:
            await leases.drop(session, video.id, owner, due_at, missing_since)

    async def _settle(
        self, video: Video, owner: uuid.UUID, event: VideoEvent, **changes: Unpack[VideoChanges]
    ) -> Video:
        """Write the outcome if `owner` still holds the lease, and return the current row in either case."""
        now = self.clock.now()
        async with self.database.transaction() as session:
            changes["part_md5s"] = None
            moved = await leases.settle(session, video.id, event, owner, changed_at=now, **changes)
            if moved and event is VideoEvent.COMPLETE_VERIFIED:
                await self.queue.enqueue(session, video.id)
            if not moved:
                # A deletion waits for this lease.
                await leases.drop(session, video.id, owner, due_at=now)
            current = await videos.get(session, video.id)
        # An error inside the transaction would undo the end of the lease.
        if current is None or current.status in HIDDEN:
            raise VideoNotFound
        return current

    async def _extend_lease(self, video_id: uuid.UUID, owner: uuid.UUID) -> None:
        try:
            async with self.database.transaction() as session:
                await leases.extend(session, video_id, owner, self.clock.now() + _LEASE)
        except Unavailable:
            log.warning("upload.lease_not_renewed", video_id=str(video_id))


def _merged_md5s(video: Video, part_md5s: Mapping[int, str]) -> dict[str, str]:
    """Return the MD5s of this call and of earlier calls that were cut off."""
    planned = range(1, video.part_plan.part_count + 1)
    given = {str(number): part_md5s[number] for number in planned if number in part_md5s}
    return {**(video.part_md5s or {}), **given}
