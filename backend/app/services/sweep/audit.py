"""Check once a day that the object of each ready video is in the store, and record which are not."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlmodel import col

from app.core.db import Database
from app.crud import audit, videos
from app.domain.announced_object import is_announced
from app.domain.recheck import is_gone
from app.domain.sweep_report import Category, Finding
from app.models import Video
from app.ports import Clock, NoSuchObject, ObjectStorage
from app.services.sweep.store_calls import StoreCalls

log = structlog.get_logger()

AUDIT_EVERY: Final = timedelta(days=1)
AUDIT_BATCH: Final = 500
"""Videos per sweep. With a sweep every 5 minutes the audit checks 144,000 a day, and takes longer for more."""


@dataclass(frozen=True)
class Checked:
    """Ready videos after a check of their objects."""

    present: Sequence[Video]
    lost: Sequence[tuple[Video, Category]]
    """Missing or replaced."""
    unanswered: Sequence[Video]
    store_now: datetime

    @property
    def count(self) -> int:
        return len(self.present) + len(self.lost)

    @property
    def video_ids(self) -> list[uuid.UUID]:
        return _ids([*self.present, *(video for video, _ in self.lost), *self.unanswered])

    @property
    def confirmed(self) -> list[tuple[Video, Category]]:
        """Lost at two checks at least RECHECK_AFTER apart."""
        return [pair for pair in self.lost if is_gone(pair[0].missing_since, self.store_now)]

    @property
    def unconfirmed(self) -> int:
        return len(self.lost) - len(self.confirmed)

    def add_to(self, findings: Mapping[Category, Finding]) -> None:
        for video, category in self.lost:
            age = self.store_now - (video.missing_since or self.store_now)
            findings[category].add(video.object_key, video.size_bytes, age)


@dataclass(frozen=True)
class Audit:
    database: Database
    storage: ObjectStorage
    clock: Clock
    calls: StoreCalls
    store_now: datetime

    async def check_due(self) -> Checked:
        """Check the videos that are due, and change nothing. Raises DatabaseUnavailable."""
        async with self.database.reading() as session:
            due = await audit.list_due(session, self.clock.now(), AUDIT_BATCH)
        return await self.check(due)

    async def check(self, ready: Sequence[Video]) -> Checked:
        answers = await self.calls.call_each(self._category_of, ready)
        return Checked(
            [video for video, category in answers if category is None],
            [(video, category) for video, category in answers if category is not None],
            [video for video in ready if video.object_key in self.calls.unanswered_keys],
            self.store_now,
        )

    async def record(self, checked: Checked) -> None:
        """Record what the check found. Lost objects stay due, so that every sweep rechecks and reports them."""
        now = self.clock.now()
        async with self.database.transaction() as session:
            await videos.lock(session, col(Video.id).in_(checked.video_ids))
            await audit.record_present(session, _ids(checked.present), now + AUDIT_EVERY)
            await audit.record_lost(session, _ids(video for video, _ in checked.lost), now, self.store_now)
            await audit.postpone(session, _ids(checked.unanswered), now + AUDIT_EVERY)
        for video, category in checked.lost:
            if video.missing_since is None:
                log.warning("audit.first_finding", video_id=str(video.id), finding=category.value)
        for video in checked.present:
            if video.missing_since is not None:
                log.info("audit.object_back", video_id=str(video.id))

    async def _category_of(self, video: Video) -> Category | None:
        try:
            stored = await self.storage.head(video.object_key)
        except NoSuchObject:
            return Category.MISSING_OBJECTS
        is_same = is_announced(video.size_bytes, video.object_token, stored.size_bytes, stored.metadata)
        is_same = is_same and (stored.etag, stored.content_type) == (video.etag, video.content_type)
        return None if is_same else Category.REPLACED_OBJECTS


def _ids(videos: Iterable[Video]) -> list[uuid.UUID]:
    return [video.id for video in videos]
