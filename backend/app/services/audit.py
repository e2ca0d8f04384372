"""Whether what is ready is really there: the object of each ready video is asked for once a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.core.db import Database
from app.crud import installation, videos
from app.domain.audit_losses import LOSSES_ADD_UP, within_a_day
from app.domain.errors import OBJECT_MISSING
from app.domain.recheck import RECHECK_AFTER
from app.domain.sweep_report import Category, most_changes
from app.domain.video_status import VideoEvent
from app.models import Video
from app.ports import Clock, NoSuchObject, ObjectStorage, StoredObject
from app.services.asking import Asking
from app.services.uploads import TOKEN_METADATA

log = structlog.get_logger()

AUDIT_EVERY = timedelta(days=1)
AUDIT_BATCH = 500
"""Videos a pass: with a pass every 5 minutes 144,000 a day, and those of a larger house in turn."""


@dataclass(frozen=True)
class Damage:
    """A ready video that is not."""

    video: Video
    category: Category
    age: timedelta
    """Since this was first seen."""


@dataclass(frozen=True)
class Audited:
    sound: Sequence[Video]
    damaged: Sequence[Damage]
    unanswered: Sequence[Video]
    """The store did not say."""

    @property
    def count(self) -> int:
        return len(self.sound) + len(self.damaged)


class Audit:
    def __init__(self, database: Database, storage: ObjectStorage, clock: Clock) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock

    async def look(self, store_now: datetime, asking: Asking) -> Audited:
        """Asks for the objects that are due; changes nothing. Raises DatabaseUnavailable."""
        async with self._database.reading() as session:
            due = await videos.list_to_audit(session, self._clock.now(), AUDIT_BATCH)
        found = await asking.ask(self._damage, due, lambda video: video.object_key)
        return Audited(
            [video for video, category in found if category is None],
            [
                Damage(video, category, store_now - (video.missing_since or store_now))
                for video, category in found
                if category is not None
            ],
            [video for video in due if video.object_key in asking.unanswered_keys],
        )

    async def is_too_much(self, audited: Audited, store_now: datetime) -> bool:
        """Whether more videos than a sweep may fail lost their objects within a day, in however many passes."""
        if not audited.damaged:
            return False
        async with self._database.reading() as session:
            ready = await videos.count_ready(session)
            lost = await videos.count_suspected(session, store_now - LOSSES_ADD_UP)
            row = await installation.get(session)
        lost += within_a_day(row.audit_losses or {} if row else {}, store_now)
        lost += sum(
            1
            for damage in audited.damaged
            if damage.video.missing_since is None or damage.age >= LOSSES_ADD_UP
        )
        return lost > most_changes(ready)

    async def note(self, audited: Audited) -> None:
        """These are asked again in a day; what was suspected of the sound ones was a moment's."""
        if not (audited.sound or audited.unanswered):
            return
        again_at = self._clock.now() + AUDIT_EVERY
        async with self._database.transaction() as session:
            if audited.sound:
                sound = [video.id for video in audited.sound]
                await videos.note_audit(session, sound, due_at=again_at, missing_since=None)
            if audited.unanswered:
                await videos.postpone_audit(session, [video.id for video in audited.unanswered], again_at)

    async def judge(self, damage: Damage, store_now: datetime) -> bool:
        """True when the video is failed now: this was the second look, apart in time from the first.

        Removes nothing: what lies at the key stays, and so does the owner's reservation until they delete the video.
        """
        video = damage.video
        if video.missing_since is None or damage.age < RECHECK_AFTER:
            again_at = self._clock.now() + RECHECK_AFTER
            async with self._database.transaction() as session:
                await videos.note_audit(
                    session, [video.id], due_at=again_at, missing_since=video.missing_since or store_now
                )
            log.warning("audit.suspicion", video_id=str(video.id), finding=damage.category.value)
            return False
        async with self._database.transaction() as session:
            failed = await videos.transition(
                session,
                video.id,
                VideoEvent.OBJECT_VANISHED,
                **OBJECT_MISSING,
                due_at=None,
            )
            if failed:
                await installation.note_loss(session, store_now)
        if failed:
            replaced = damage.category is Category.REPLACED_OBJECTS
            log.error(
                "upload.foreign_object" if replaced else "upload.object_vanished", video_id=str(video.id)
            )
        return failed

    async def _damage(self, video: Video) -> Category | None:
        try:
            found = await self._storage.head(video.object_key)
        except NoSuchObject:
            return Category.MISSING_OBJECTS
        return None if _is_as_recorded(found, video) else Category.REPLACED_OBJECTS


def _is_as_recorded(found: StoredObject, video: Video) -> bool:
    return (found.size_bytes, found.etag, found.content_type, found.metadata.get(TOKEN_METADATA)) == (
        video.size_bytes,
        video.etag,
        video.content_type,
        video.object_token,
    )
