"""Check once a day that the object of each ready video is in the store, and record which are not."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.core.db import Database
from app.crud import audit
from app.domain.announced_object import is_announced
from app.domain.recheck import is_gone
from app.domain.sweep_report import Category, Finding
from app.models import Video
from app.ports import Clock, NoSuchObject, ObjectStorage, StoredObject
from app.services.sweep.store_calls import StoreCalls

log = structlog.get_logger()

AUDIT_EVERY = timedelta(days=1)
AUDIT_BATCH = 500
"""Videos per sweep. With a sweep every 5 minutes the audit checks 144,000 a day, and takes longer for more."""


@dataclass(frozen=True)
class AuditFinding:
    """A ready video whose object is missing or replaced."""

    video: Video
    category: Category
    age: timedelta
    """Since the first check that found this."""
    is_confirmed: bool
    """Two checks at least RECHECK_AFTER apart found it."""


@dataclass(frozen=True)
class AuditResult:
    present: Sequence[Video]
    findings: Sequence[AuditFinding]
    unanswered: Sequence[Video]

    @property
    def checked(self) -> int:
        return len(self.present) + len(self.findings)

    @property
    def unconfirmed(self) -> int:
        return sum(not finding.is_confirmed for finding in self.findings)

    def count_in(self, findings: Mapping[Category, Finding]) -> None:
        for each in self.findings:
            findings[each.category].add(each.video.object_key, each.video.size_bytes, each.age)


class Audit:
    def __init__(self, database: Database, storage: ObjectStorage, clock: Clock) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock

    async def check_due(self, store_now: datetime, calls: StoreCalls) -> AuditResult:
        """Check the videos that are due, and change nothing. Raises DatabaseUnavailable."""
        async with self._database.reading() as session:
            due = await audit.list_due(session, self._clock.now(), AUDIT_BATCH)
        return await self.check(due, store_now, calls)

    async def check(self, videos: Sequence[Video], store_now: datetime, calls: StoreCalls) -> AuditResult:
        checked = await calls.call_each(self._find, videos, lambda video: video.object_key)
        return AuditResult(
            [video for video, category in checked if category is None],
            [
                AuditFinding(
                    video,
                    category,
                    store_now - (video.missing_since or store_now),
                    is_gone(video.missing_since, store_now),
                )
                for video, category in checked
                if category is not None
            ],
            [video for video in videos if video.object_key in calls.unanswered_keys],
        )

    async def record(self, result: AuditResult, store_now: datetime) -> None:
        """Record what the checks found. Every sweep rechecks what is missing, so that each reports all of it."""
        now = self._clock.now()
        first = [finding.video for finding in result.findings if finding.video.missing_since is None]
        again = [finding.video for finding in result.findings if finding.video.missing_since is not None]
        async with self._database.transaction() as session:
            await audit.record_present(session, _ids(result.present), now + AUDIT_EVERY)
            await audit.record_missing(session, _ids(first), now, store_now)
            await audit.postpone(session, _ids(again), now)
            await audit.postpone(session, _ids(result.unanswered), now + AUDIT_EVERY)
        for finding in result.findings:
            if finding.video.missing_since is None:
                log.warning(
                    "audit.first_finding", video_id=str(finding.video.id), finding=finding.category.value
                )
        for video in result.present:
            if video.missing_since is not None:
                log.info("audit.object_back", video_id=str(video.id))

    async def _find(self, video: Video) -> Category | None:
        try:
            stored = await self._storage.head(video.object_key)
        except NoSuchObject:
            return Category.MISSING_OBJECTS
        return None if _is_unchanged(stored, video) else Category.REPLACED_OBJECTS


def _ids(videos: Sequence[Video]) -> list[uuid.UUID]:
    return [video.id for video in videos]


def _is_unchanged(stored: StoredObject, video: Video) -> bool:
    announced = is_announced(video.size_bytes, video.object_token, stored.size_bytes, stored.metadata)
    return announced and (stored.etag, stored.content_type) == (video.etag, video.content_type)
