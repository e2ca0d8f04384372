"""Find uploads and objects in the store that no row accounts for, and remove them.

The store is listed twice if there is something to remove. The first listing counts, so that a sweep over its limit
removes nothing. Rows are read after the listing they are compared with. A row is older than its upload, so an upload
without a row then will never have one. Memory is bounded.
"""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from app.core.db import Database
from app.core.metrics import SWEEP_CHANGES
from app.crud import videos
from app.domain.errors import OBJECT_MISSING, StorageUnavailable
from app.domain.sweep_report import Category, Finding
from app.domain.video_status import VideoStatus
from app.models import Video
from app.ports import Clock, ListedObject, NoSuchObject, NoSuchUpload, ObjectStorage, OpenUpload
from app.services.sweep.store_calls import StoreCalls

log = structlog.get_logger()

PREFIX = "videos/"
BATCH = 500

Listed = TypeVar("Listed", OpenUpload, ListedObject)


@dataclass
class Totals:
    """What was listed."""

    uploads: int = 0
    objects: int = 0
    known_objects: int = 0
    """Objects with a row."""


@dataclass(frozen=True)
class Orphan:
    """An upload or an object that no row accounts for."""

    category: Category
    object_key: str
    size_bytes: int
    age: timedelta
    upload_id: str = ""
    video_id: uuid.UUID | None = None


class Orphans:
    def __init__(
        self,
        database: Database,
        storage: ObjectStorage,
        clock: Clock,
        grace: timedelta,
        store_now: datetime,
        calls: StoreCalls,
    ) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock
        self._grace = grace
        self._store_now = store_now
        """The store's clock when the sweep began. It alone tells ages, because this process's clock may be wrong."""
        self._calls = calls
        self.totals = Totals()
        self.findings: Mapping[Category, Finding] = {
            category: calls.unanswered if category is Category.UNANSWERED else Finding()
            for category in Category
        }

    async def count(self) -> None:
        """Change nothing. Raises StorageUnavailable, DatabaseUnavailable, SweepOvertaken."""
        for orphans in (self._uploads(self.totals), self._objects(self.totals)):
            async for orphan in orphans:
                self.findings[orphan.category].add(orphan.object_key, orphan.size_bytes, orphan.age)

    async def remove(self, categories: frozenset[Category], limit: int | None) -> None:
        """Remove at most `limit` orphans of these categories, or all if it is None."""
        removed = 0
        for orphans in (self._uploads(Totals()), self._objects(Totals())):
            async with aclosing(orphans):
                async for orphan in orphans:
                    if orphan.category not in categories:
                        continue
                    if removed == limit:
                        return
                    await self._calls.keep_lease()
                    try:
                        await self._remove(orphan)
                    except StorageUnavailable:
                        self._calls.record_unanswered(orphan.object_key)
                        self._calls.raise_if_too_many()
                        continue
                    self.findings[orphan.category].done += 1
                    SWEEP_CHANGES.labels(orphan.category.value).inc()
                    removed += 1

    async def _remove(self, orphan: Orphan) -> None:
        if orphan.category is Category.UNOWNED_UPLOADS:
            await self._storage.abort_multipart_upload(orphan.object_key, orphan.upload_id)
        elif orphan.category is Category.UNKNOWN_OBJECTS:
            await self._storage.delete(orphan.object_key)
        elif orphan.video_id is not None:
            async with self._database.transaction() as session:
                await videos.clear_again(session, orphan.video_id, self._clock.now())
        log.info("sweep.removed", category=orphan.category.value, object_key=orphan.object_key)

    # --- uploads ----------------------------------------------------------------------------------------------

    async def _uploads(self, totals: Totals) -> AsyncGenerator[Orphan, None]:
        async for batch in _in_batches(self._storage.list_uploads(PREFIX)):
            await self._calls.keep_lease()
            rows = await self._rows_of(batch)
            totals.uploads += len(batch)
            listed = [(upload, rows.get(upload.object_key)) for upload in batch]
            unowned = [pair for pair in listed if not _owns(*pair)]
            old = [pair for pair in unowned if self._age(pair[0].initiated_at) > self._grace]
            checked = await self._calls.call_each(self._upload, old, lambda pair: pair[0].object_key)
            self._calls.raise_if_too_many()
            for _, orphan in checked:
                if orphan is not None:
                    yield orphan

    async def _upload(self, listed: tuple[OpenUpload, Video | None]) -> Orphan | None:
        """Return None if the upload has ended since it was listed."""
        upload, video = listed
        try:
            parts = await self._storage.list_parts(upload.object_key, upload.upload_id)
        except NoSuchUpload:
            return None
        category = Category.UNOWNED_UPLOADS
        if video is None:
            try:
                await self._storage.head(upload.object_key)
                # If its assembly was cut off, the object may still consist of the upload's parts. For a row's
                # object this is known, because the row names another upload.
                category = Category.UPLOADS_BESIDE_OBJECT
            except NoSuchObject:
                pass
        size_bytes = sum(part.size_bytes for part in parts)
        age = self._age(upload.initiated_at)
        return Orphan(category, upload.object_key, size_bytes, age, upload.upload_id)

    # --- objects ----------------------------------------------------------------------------------------------

    async def _objects(self, totals: Totals) -> AsyncGenerator[Orphan, None]:
        async for batch in _in_batches(self._storage.list_objects(PREFIX)):
            await self._calls.keep_lease()
            rows = await self._rows_of(batch)
            totals.objects += len(batch)
            totals.known_objects += sum(1 for listed in batch if listed.object_key in rows)
            for listed in batch:
                video = rows.get(listed.object_key)
                age = self._age(listed.last_modified)
                category = _category_of(video)
                if category is None or (category is Category.UNKNOWN_OBJECTS and age <= self._grace):
                    continue
                video_id = video.id if video else None
                yield Orphan(category, listed.object_key, listed.size_bytes, age, video_id=video_id)

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
    # A row without an upload ID is being created, or expires. Then its removal finds the upload by its key.
    return video.upload_id is None or video.upload_id == upload.upload_id


def _category_of(video: Video | None) -> Category | None:
    """Return the category of an object at this row's key, or None if it belongs there or is being removed."""
    if video is None:
        return Category.UNKNOWN_OBJECTS
    if video.status is not VideoStatus.FAILED or video.due_at is not None:
        return None
    return Category.FAILED_OBJECTS if _is_cleared(video) else Category.RETURNED_OBJECTS


def _is_cleared(video: Video) -> bool:
    """Return whether the video failed for its content and its storage was removed."""
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
