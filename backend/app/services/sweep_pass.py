"""One pass over the store's listings: what no row accounts for, found first, then dealt with. Memory is bounded.

Everything is listed twice when there is something to do: once to count, so that a pass that would do too much stops
before it did anything, and once to do it. Rows are read after the listing they belong to, and a row is always older
than its upload: what has no row in that reading will never have one.
"""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from app.core.db import Database
from app.core.metrics import SWEEP_CHANGES
from app.crud import videos
from app.domain.errors import OBJECT_MISSING, StorageUnavailable
from app.domain.sweep_report import Category, Tally
from app.domain.video_status import VideoStatus
from app.models import Video
from app.ports import Clock, ListedObject, NoSuchObject, NoSuchUpload, ObjectStorage, OpenUpload
from app.services.asking import Asking

log = structlog.get_logger()

PREFIX = "videos/"
BATCH = 500

Listed = TypeVar("Listed", OpenUpload, ListedObject)


@dataclass
class Seen:
    """What a pass has looked at so far."""

    uploads: int = 0
    objects: int = 0
    known_objects: int = 0
    """Objects that have a row."""


@dataclass(frozen=True)
class Stray:
    """An upload or an object that no row accounts for."""

    category: Category
    object_key: str
    size_bytes: int
    age: timedelta
    upload_id: str = ""
    video_id: uuid.UUID | None = None


class SweepPass:
    def __init__(
        self,
        database: Database,
        storage: ObjectStorage,
        clock: Clock,
        grace: timedelta,
        store_now: datetime,
        keep_lease: Callable[[], Awaitable[None]],
        asking: Asking,
    ) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock
        self._grace = grace
        self._store_now = store_now
        """The store's clock when the pass began: ages are told in it alone, whatever ours says."""
        self._keep_lease = keep_lease
        self._asking = asking
        self.seen = Seen()
        self.tallies: Mapping[Category, Tally] = {
            category: asking.unanswered if category is Category.UNANSWERED else Tally()
            for category in Category
        }

    async def look(self) -> None:
        """Counts; changes nothing. Raises StorageUnavailable, DatabaseUnavailable, SweepOvertaken."""
        for strays in (self._stray_uploads(self.seen), self._stray_objects(self.seen)):
            async for stray in strays:
                self.tallies[stray.category].add(stray.object_key, stray.size_bytes, stray.age)

    async def deal_with(self, categories: frozenset[Category], most: int | None) -> None:
        """Aborts, removes or hands over the strays of these categories, `most` of them (None: all)."""
        done = 0
        for strays in (self._stray_uploads(Seen()), self._stray_objects(Seen())):
            async with aclosing(strays):
                async for stray in strays:
                    if stray.category not in categories:
                        continue
                    if done == most:
                        return
                    await self._keep_lease()
                    try:
                        await self._deal_with(stray)
                    except StorageUnavailable:
                        self._asking.note_unanswered(stray.object_key)
                        self._asking.end_if_too_many()
                        continue
                    self.tallies[stray.category].done += 1
                    SWEEP_CHANGES.labels(stray.category.value).inc()
                    done += 1

    async def _deal_with(self, stray: Stray) -> None:
        if stray.category is Category.UNOWNED_UPLOADS:
            await self._storage.abort_multipart_upload(stray.object_key, stray.upload_id)
        elif stray.category is Category.UNKNOWN_OBJECTS:
            await self._storage.delete(stray.object_key)
        elif stray.video_id is not None:
            async with self._database.transaction() as session:
                await videos.clear_again(session, stray.video_id, self._clock.now())
        log.info("sweep.dealt_with", category=stray.category.value, object_key=stray.object_key)

    # --- uploads ----------------------------------------------------------------------------------------------

    async def _stray_uploads(self, seen: Seen) -> AsyncGenerator[Stray, None]:
        async for batch in _in_batches(self._storage.list_uploads(PREFIX)):
            await self._keep_lease()
            rows = await self._rows_of(batch)
            seen.uploads += len(batch)
            listed = [(upload, rows.get(upload.object_key)) for upload in batch]
            unowned = [pair for pair in listed if not _owns(*pair)]
            old = [pair for pair in unowned if self._age(pair[0].initiated_at) > self._grace]
            answers = await self._asking.ask(self._stray_upload, old, lambda pair: pair[0].object_key)
            self._asking.end_if_too_many()
            for _, stray in answers:
                if stray is not None:
                    yield stray

    async def _stray_upload(self, listed: tuple[OpenUpload, Video | None]) -> Stray | None:
        """None when it ended since it was listed."""
        upload, video = listed
        try:
            parts = await self._storage.list_parts(upload.object_key, upload.upload_id)
        except NoSuchUpload:
            return None
        category = Category.UNOWNED_UPLOADS
        if video is None:
            try:
                await self._storage.head(upload.object_key)
                # An upload whose assembly was cut off may still be what the object is made of. With a row it is
                # known what that was: another upload.
                category = Category.UPLOADS_BESIDE_OBJECT
            except NoSuchObject:
                pass
        size_bytes = sum(part.size_bytes for part in parts)
        age = self._age(upload.initiated_at)
        return Stray(category, upload.object_key, size_bytes, age, upload.upload_id)

    # --- objects ----------------------------------------------------------------------------------------------

    async def _stray_objects(self, seen: Seen) -> AsyncGenerator[Stray, None]:
        async for batch in _in_batches(self._storage.list_objects(PREFIX)):
            await self._keep_lease()
            rows = await self._rows_of(batch)
            seen.objects += len(batch)
            seen.known_objects += sum(1 for listed in batch if listed.object_key in rows)
            for listed in batch:
                video = rows.get(listed.object_key)
                age = self._age(listed.last_modified)
                category = _category_of(video)
                if category is None or (category is Category.UNKNOWN_OBJECTS and age <= self._grace):
                    continue
                video_id = video.id if video else None
                yield Stray(category, listed.object_key, listed.size_bytes, age, video_id=video_id)

    # --- both -------------------------------------------------------------------------------------------------

    async def _rows_of(self, batch: Sequence[OpenUpload | ListedObject]) -> Mapping[str, Video]:
        async with self._database.reading() as session:
            found = await videos.list_by_object_keys(session, {listed.object_key for listed in batch})
        return {video.object_key: video for video in found}

    def _age(self, moment: datetime) -> timedelta:
        return self._store_now - moment


def _owns(upload: OpenUpload, video: Video | None) -> bool:
    if video is None or _is_cleared(video):
        return False
    # Without an id its creation is under way, or the row expires and its removal finds the upload by the key.
    return video.upload_id is None or video.upload_id == upload.upload_id


def _category_of(video: Video | None) -> Category | None:
    """What an object at this row's key is; None where it is in order, or being removed already."""
    if video is None:
        return Category.UNKNOWN_OBJECTS
    if video.status is not VideoStatus.FAILED or video.due_at is not None:
        return None
    return Category.FAILED_OBJECTS if _is_cleared(video) else Category.RETURNED_OBJECTS


def _is_cleared(video: Video) -> bool:
    """Failed by a verdict, its storage confirmed gone: nothing at its key is wanted."""
    return (
        video.status is VideoStatus.FAILED
        and video.storage_gone_at is not None
        and video.status_code != OBJECT_MISSING["status_code"]
    )


async def _in_batches(listing: AsyncIterator[Listed]) -> AsyncIterator[list[Listed]]:
    batch: list[Listed] = []
    async for listed in listing:
        batch.append(listed)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
