"""Reading a video's metadata, and what its outcome means: ready, failed with a verdict, or later."""

import asyncio
import contextlib
import random
import uuid
from dataclasses import asdict
from datetime import datetime, timedelta

import structlog

from app.core.db import Database
from app.core.metrics import PROBES
from app.crud import videos
from app.domain.errors import OBJECT_MISSING, Unavailable
from app.domain.recheck import is_gone
from app.domain.video_file import same_family
from app.domain.video_status import VideoEvent, VideoStatus
from app.models import Video
from app.ports import (
    Clock,
    MediaProbe,
    MetadataOutOfBudget,
    NoSuchObject,
    ObjectChanged,
    VerdictOnBytes,
    VideoMetadata,
)

log = structlog.get_logger()

PROBE_LEASE = timedelta(seconds=60)
"""Longer than a probe's own budget of 10 s and its last requests' timeouts."""
MAX_ATTEMPTS = 5
_LONGEST_WAIT_SECONDS = 60.0


class ProcessingService:
    def __init__(self, database: Database, probe: MediaProbe, clock: Clock) -> None:
        self._database = database
        self._probe = probe
        self._clock = clock

    async def probe_next(self, video_id: uuid.UUID | None = None) -> bool:
        """Leases the probe that has waited longest, or this video's, and does it. False: there was none to do."""
        owner = uuid.uuid4()
        try:
            now = self._clock.now()
            async with self._database.transaction() as session:
                claimed = await videos.claim_probe(session, owner, now, now + PROBE_LEASE, video_id)
            if claimed is not None:
                await self.probe_video(claimed, owner)
        except asyncio.CancelledError:
            await self._hand_back(owner)
            raise
        return claimed is not None

    async def probe_video(self, video_id: uuid.UUID, owner: uuid.UUID) -> None:
        """Does one leased job to its end. A job that comes twice or late changes nothing."""
        async with self._database.reading() as session:
            video = await videos.get(session, video_id)
        if video is None or video.status is not VideoStatus.PROCESSING or video.lease_owner != owner:
            return
        if video.attempts > MAX_ATTEMPTS:
            log.error("probe.given_up", video_id=str(video_id), attempts=video.attempts)
            await self._ready_without_metadata(video, owner, None)
            return
        try:
            metadata = await self._probe.probe(video.object_key, video.etag or "")
        except VerdictOnBytes as verdict:
            await self._reject(video, owner, verdict)
        except MetadataOutOfBudget as error:
            await self._out_of_budget(video, owner, error)
        except (NoSuchObject, ObjectChanged):
            await self._vanished(video, owner)
        except Unavailable as error:
            await self._postpone(video, owner, error.code)
        else:
            await self._judge(video, owner, metadata)

    async def _judge(self, video: Video, owner: uuid.UUID, metadata: VideoMetadata) -> None:
        if not same_family(video.declared_container, metadata.container):
            await self._reject(
                video,
                owner,
                VerdictOnBytes(
                    "content_type_mismatch",
                    f"The file is named as {video.declared_container.upper()} but its content is "
                    f"{metadata.container.upper()}. Rename it to end as its content is, and upload it again.",
                ),
            )
            return
        await self._ready(video, owner, metadata)

    async def _ready(self, video: Video, owner: uuid.UUID, metadata: VideoMetadata) -> None:
        await self._finish(
            video,
            owner,
            VideoEvent.PROBED,
            "ready" if metadata.metadata_complete else "ready_incomplete",
            ready_at=self._clock.now(),
            due_at=None,
            **asdict(metadata),  # its fields are the row's columns
        )

    async def _out_of_budget(self, video: Video, owner: uuid.UUID, error: MetadataOutOfBudget) -> None:
        log.warning("probe.out_of_budget", video_id=str(video.id), container=error.container)
        if error.container is None:
            verdict = VerdictOnBytes(
                "unreadable",
                "The file's structure could not be read. Export the video again and upload that.",
            )
            await self._reject(video, owner, verdict)
        else:
            await self._ready_without_metadata(video, owner, error.container)

    async def _ready_without_metadata(self, video: Video, owner: uuid.UUID, container: str | None) -> None:
        unknown = VideoMetadata(
            container=container or video.declared_container,
            duration_ms=None,
            width=None,
            height=None,
            rotation=None,
            video_codec=None,
            audio_codec=None,
            frame_rate=None,
            bit_rate=None,
            hdr=None,
            metadata_complete=False,
        )
        await self._judge(video, owner, unknown)

    async def _reject(self, video: Video, owner: uuid.UUID, verdict: VerdictOnBytes) -> None:
        # Committed as failed first; the object goes next (due now), and the quota with it.
        await self._finish(
            video,
            owner,
            VideoEvent.REJECTED,
            verdict.code,
            status_code=verdict.code,
            status_detail=verdict.detail,
            due_at=self._clock.now(),
        )

    async def _vanished(self, video: Video, owner: uuid.UUID) -> None:
        now = self._clock.now()
        if is_gone(video.missing_since, now):
            await self._finish(
                video, owner, VideoEvent.OBJECT_VANISHED, "object_missing", **OBJECT_MISSING, due_at=now
            )
        else:
            await self._postpone(video, owner, "object_not_seen", missing_since=video.missing_since or now)

    async def _finish(
        self, video: Video, owner: uuid.UUID, event: VideoEvent, outcome: str, **changes: object
    ) -> None:
        async with self._database.transaction() as session:
            moved = await videos.settle(session, video.id, event, owner, **changes)
        if moved:
            PROBES.labels(outcome=outcome).inc()
            log.info("probe.finished", video_id=str(video.id), outcome=outcome)

    async def _hand_back(self, owner: uuid.UUID) -> None:
        # Another worker, or the next start, takes it at once instead of waiting for the lease to end.
        with contextlib.suppress(Unavailable):
            async with self._database.transaction() as session:
                await videos.hand_back_probe(session, owner, self._clock.now())

    async def _postpone(
        self, video: Video, owner: uuid.UUID, reason: str, *, missing_since: datetime | None = None
    ) -> None:
        # Full jitter, so that a store that comes back is not met by every job at once.
        longest = min(_LONGEST_WAIT_SECONDS, 2.0 ** min(video.postponed, 6))
        wait = random.uniform(0.5, 0.5 + longest)  # noqa: S311  # spreads load, guards nothing
        async with self._database.transaction() as session:
            due_at = self._clock.now() + timedelta(seconds=wait)
            await videos.postpone_probe(session, video.id, owner, due_at, missing_since)
        PROBES.labels(outcome="postponed").inc()
        log.warning("probe.postponed", video_id=str(video.id), reason=reason, seconds=round(wait, 1))
