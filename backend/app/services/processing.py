"""Read a video's metadata, let it be scanned, and decide whether it is ready, rejected, or must be probed again."""

import asyncio
import contextlib
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Unpack

import structlog

from app.core.audit_events import AuditEvent, record
from app.core.db import Database
from app.core.metrics import PROBES
from app.crud import leases, videos
from app.crud.guarded import VideoChanges
from app.domain.errors import INFECTED, OBJECT_MISSING, Unavailable
from app.domain.recheck import is_gone
from app.domain.video_file import same_family
from app.domain.video_status import VideoEvent, VideoStatus
from app.models import Video
from app.ports import (
    Clock,
    MediaProbe,
    NoSuchObject,
    ObjectChanged,
    ReaderCrashed,
    ReaderNotStarted,
    ScannerUnavailable,
)
from app.services.scanning import Scanning
from mediaprobe import BudgetExceeded, Metadata, ProbeError

log = structlog.get_logger()

METADATA_COLUMNS = {item.name for item in fields(Metadata)} & set(Video.model_fields) - {"size_bytes"}
"""Columns of the row that the reader's fields of the same name fill. `size_bytes` is the announced size."""

PROBE_LEASE = timedelta(seconds=60)
"""Longer than the reader may take to start (10 s), the 10 s budget of a probe and the timeouts of its last requests."""
MAX_ATTEMPTS = 5
_LONGEST_WAIT_SECONDS = 60.0
_LONGEST_SCAN_WAIT_SECONDS = 600.0
"""A file that holds up the scanner until its limit leaves most of the time to others."""


@dataclass
class ProcessingService:
    database: Database
    probe: MediaProbe
    clock: Clock
    scanning: Scanning | None = None

    async def probe_next(self) -> bool:
        """Lease and do the probe that has waited longest. Return False if none waits."""
        owner = uuid.uuid4()
        try:
            now = self.clock.now()
            async with self.database.transaction() as session:
                claimed = await leases.claim_probe(session, owner, now, now + PROBE_LEASE)
            if claimed is not None:
                await self.probe_video(claimed, owner)
        except asyncio.CancelledError:
            # Another worker can then claim the probe before the lease ends.
            with contextlib.suppress(Unavailable):
                async with self.database.transaction() as session:
                    await leases.return_probe(session, owner, self.clock.now())
            raise
        return claimed is not None

    async def probe_video(self, video_id: uuid.UUID, owner: uuid.UUID) -> None:
        """Do one leased probe. A repeated or late job changes nothing."""
        async with self.database.reading() as session:
            video = await videos.get(session, video_id)
        if video is None or video.status is not VideoStatus.PROCESSING or video.lease_owner != owner:
            return
        if video.attempts > MAX_ATTEMPTS:
            log.error("probe.given_up", video_id=str(video_id), attempts=video.attempts)
            await self._decide(video, owner, None, None, complete=False, outcome="ready_incomplete")
            return
        try:
            metadata = await self.probe.probe(video.object_key, video.etag or "")
        except BudgetExceeded as error:
            log.warning(
                "probe.out_of_budget", video_id=str(video_id), container=error.container, reason=error.detail
            )
            partial = error.partial
            # The read may have ended before the sound, and of a complete read null means that there is none.
            complete = partial is not None and partial.metadata_complete and partial.audio_codec is not None
            outcome = "ready_out_of_budget"
            await self._decide(video, owner, error.container, partial, complete=complete, outcome=outcome)
        except ReaderCrashed as error:
            log.error("probe.crashed", video_id=str(video_id), container=error.container, reason=error.reason)
            await self._decide(video, owner, error.container, None, complete=False, outcome="ready_crashed")
        except ProbeError as error:
            await self._reject(video, owner, error.code, error.detail)
        except (NoSuchObject, ObjectChanged):
            await self._recheck_object(video, owner)
        except Unavailable as error:
            await self._postpone(video, owner, error.code)
        except ReaderNotStarted as error:
            await self._postpone(video, owner, f"reader_not_started: {error}")
        else:
            complete = metadata.metadata_complete
            outcome = "ready" if complete else "ready_incomplete"
            await self._decide(video, owner, metadata.container, metadata, complete=complete, outcome=outcome)

    async def _decide(
        self,
        video: Video,
        owner: uuid.UUID,
        container: str | None,
        metadata: Metadata | None,
        *,
        complete: bool,
        outcome: str,
    ) -> None:
        """Reject a file whose content does not match its name. Otherwise store its metadata as far as known.

        If the container is unknown, the declared one counts. Nothing else makes a video ready, so it is scanned here.
        """
        container = container or video.declared_container
        if not same_family(video.declared_container, container):
            detail = (
                f"The file is named as {video.declared_container.upper()}, but its content is {container.upper()}. "
                f"Rename it so that it ends in .{container}, then upload it again."
            )
            await self._reject(video, owner, "content_type_mismatch", detail)
            return
        if self.scanning and not await self._is_clean(self.scanning, video, owner):
            return
        known = {name: getattr(metadata, name) for name in METADATA_COLUMNS} if metadata else {}
        await self._finish(
            video,
            owner,
            VideoEvent.PROBED,
            outcome,
            metadata={**known, "container": container, "metadata_complete": complete},
            ready_at=self.clock.now(),
            due_at=None,
        )

    async def _is_clean(self, scanning: Scanning, video: Video, owner: uuid.UUID) -> bool:
        """Let the file be scanned. If it is not clean, reject it, or scan it again later if that is in doubt."""
        try:
            verdict = await scanning.scan(video, owner)
        except Unavailable as error:
            await self._postpone(video, owner, error.code)
            return False
        except ScannerUnavailable as error:
            if await self._postpone(video, owner, "scanner_unavailable", longest=_LONGEST_SCAN_WAIT_SECONDS):
                log.error("scan.unavailable", video_id=str(video.id), reason=error.reason)
            return False
        if verdict.verdict == "clean":
            return True
        code, detail = INFECTED["status_code"], INFECTED["status_detail"]
        if await self._reject(video, owner, code, detail):
            record(
                AuditEvent.VIDEO_TAKEN_DOWN,
                user_id=video.user_id,
                video_id=video.id,
                by="scanner",
                reason=code,
                found=verdict.signature,  # the log's filter removes what is named `signature`
            )
        return False

    async def _reject(self, video: Video, owner: uuid.UUID, code: str, detail: str) -> bool:
        # The commit makes the removal of the object due.
        return await self._finish(
            video,
            owner,
            VideoEvent.REJECTED,
            code,
            status_code=code,
            status_detail=detail,
            due_at=self.clock.now(),
        )

    async def _recheck_object(self, video: Video, owner: uuid.UUID) -> None:
        now = self.clock.now()
        if is_gone(video.missing_since, now):
            log.error("upload.object_vanished", video_id=str(video.id))
            await self._finish(
                video, owner, VideoEvent.OBJECT_VANISHED, "object_missing", **OBJECT_MISSING, due_at=now
            )
        else:
            await self._postpone(video, owner, "object_not_found", missing_since=video.missing_since or now)

    async def _finish(
        self,
        video: Video,
        owner: uuid.UUID,
        event: VideoEvent,
        outcome: str,
        *,
        metadata: Mapping[str, object] | None = None,
        **changes: Unpack[VideoChanges],
    ) -> bool:
        """Return False if the lease is lost."""
        async with self.database.transaction() as session:
            moved = await leases.settle(
                session, video.id, event, owner, changed_at=self.clock.now(), metadata=metadata, **changes
            )
        if moved:
            PROBES.labels(outcome=outcome).inc()
            log.info("probe.finished", video_id=str(video.id), outcome=outcome)
        return moved

    async def _postpone(
        self,
        video: Video,
        owner: uuid.UUID,
        reason: str,
        *,
        longest: float = _LONGEST_WAIT_SECONDS,
        missing_since: datetime | None = None,
    ) -> bool:
        """Try again after up to `longest` seconds, sooner at first. Return False if the lease is lost."""
        # Full jitter, so that a store that recovers does not get all probes at once.
        longest = min(longest, 2.0 ** min(video.postponed, 10))
        wait = random.uniform(0.5, 0.5 + longest)  # noqa: S311  # spreads load, guards nothing
        async with self.database.transaction() as session:
            due_at = self.clock.now() + timedelta(seconds=wait)
            is_postponed = await leases.postpone_probe(session, video.id, owner, due_at, missing_since)
        PROBES.labels(outcome="postponed").inc()
        log.warning("probe.postponed", video_id=str(video.id), reason=reason, seconds=round(wait, 1))
        return is_postponed
