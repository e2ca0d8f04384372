"""Find uploads and objects in the store that no row accounts for, and remove them.

Rows are read after the listing they are compared with. A row is older than its upload and its object, so an upload or
an object without a row then will never have one.
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

import structlog

from app.core.db import Database
from app.core.metrics import SWEEP_CHANGES
from app.crud import videos
from app.domain.errors import OBJECT_MISSING, StorageUnavailable
from app.domain.sweep_report import Category, Finding
from app.domain.video_status import VideoStatus
from app.models import Video
from app.ports import (
    Clock,
    ListedObject,
    NoSuchObject,
    NoSuchUpload,
    ObjectStorage,
    OpenUpload,
    VersionsKept,
)
from app.services.sweep.store_calls import StoreCalls

log = structlog.get_logger()

PREFIX: Final = "videos/"
BATCH: Final = 500
MAX_REMOVED: Final = 100_000
"""Orphans that one sweep keeps in memory to remove them."""

Listed = TypeVar("Listed", OpenUpload, ListedObject)
Remove = Callable[[], Awaitable[None]]


@dataclass
class Orphans:
    database: Database
    storage: ObjectStorage
    clock: Clock
    grace: timedelta
    calls: StoreCalls
    store_now: datetime
    """The store's clock when the sweep began. It alone tells ages, because this process's clock may be wrong."""
    categories: frozenset[Category]
    """What may be removed."""
    findings: Mapping[Category, Finding]
    uploads: int = 0
    objects: int = 0
    known_objects: int = 0
    """Objects with a row."""
    removals: list[tuple[Category, str, Remove]] = field(default_factory=list)
    """What removes each orphan, with its category and key."""

    async def find(self) -> None:
        """Change nothing. Raises StorageUnavailable, DatabaseUnavailable, SweepOvertaken."""
        async for uploads in _in_batches(self.storage.list_uploads(PREFIX)):
            rows = await self._rows_of(uploads)
            self.uploads += len(uploads)
            old = [upload for upload in uploads if self._age(upload.initiated_at) > self.grace]
            unowned = [upload for upload in old if not _owns(upload, rows.get(upload.object_key))]
            await self.calls.call_each(partial(self._add_upload, rows), unowned)
            self.calls.raise_if_too_many()
        async for objects in _in_batches(self.storage.list_objects(PREFIX)):
            rows = await self._rows_of(objects)
            current = {listed.object_key for listed in objects if listed.is_current}
            self.objects += len(current)
            self.known_objects += len(current & rows.keys())
            for listed in objects:
                self._add_object(listed, rows.get(listed.object_key))

    async def remove(self) -> None:
        """Remove the orphans that `find` found."""
        for category, object_key, remove in self.removals:
            await self.calls.lease.keep()
            try:
                await remove()
            except StorageUnavailable as error:
                self.calls.record_unanswered(object_key, error)
                self.calls.raise_if_too_many()
                continue
            except VersionsKept:
                log.error("storage.versions_kept", object_key=object_key)
                continue
            self.findings[category].done += 1
            SWEEP_CHANGES.labels(category.value).inc()
            log.info("sweep.removed", category=category.value, object_key=object_key)

    async def _add_upload(self, rows: Mapping[str, Video], upload: OpenUpload) -> None:
        try:
            parts = await self.storage.list_parts(upload.object_key, upload.upload_id)
        except NoSuchUpload:
            return  # It has ended since it was listed.
        category = Category.UNOWNED_UPLOADS
        if upload.object_key not in rows:
            try:
                await self.storage.head(upload.object_key)
                # If its assembly was cut off, the object may still consist of the upload's parts. For a row's
                # object this is known, because the row names another upload.
                category = Category.UPLOADS_BESIDE_OBJECT
            except NoSuchObject:
                pass
        size_bytes = sum(part.size_bytes for part in parts)
        abort = partial(self.storage.abort_multipart_upload, upload.object_key, upload.upload_id)
        self._add(category, upload.object_key, size_bytes, self._age(upload.initiated_at), abort)

    def _add_object(self, listed: ListedObject, video: Video | None) -> None:
        key, age = listed.object_key, self._age(listed.last_modified)
        if video is None:
            if age > self.grace:
                delete = partial(self.storage.delete, key)
                self._add(Category.UNKNOWN_OBJECTS, key, listed.size_bytes, age, delete)
        elif video.status is VideoStatus.FAILED and video.due_at is None and _counts(listed, video):
            category = Category.FAILED_OBJECTS if _is_cleared(video) else Category.RETURNED_OBJECTS
            self._add(category, key, listed.size_bytes, age, partial(self._clear_again, video.id))

    async def _clear_again(self, video_id: uuid.UUID) -> None:
        async with self.database.transaction() as session:
            await videos.clear_again(session, video_id, self.clock.now())

    def _add(
        self, category: Category, object_key: str, size_bytes: int, age: timedelta, remove: Remove
    ) -> None:
        self.findings[category].add(object_key, size_bytes, age)
        if category in self.categories and len(self.removals) < MAX_REMOVED:
            self.removals.append((category, object_key, remove))

    async def _rows_of(self, batch: Sequence[OpenUpload | ListedObject]) -> Mapping[str, Video]:
        await self.calls.lease.keep()
        async with self.database.reading() as session:
            found = await videos.list_by_object_keys(session, {listed.object_key for listed in batch})
        return {video.object_key: video for video in found}

    def _age(self, moment: datetime) -> timedelta:
        return self.store_now - moment


def _owns(upload: OpenUpload, video: Video | None) -> bool:
    if video is None or _is_cleared(video):
        return False
    # A row without an upload ID is being created, or expires. Then its removal finds the upload by its key.
    return video.upload_id is None or video.upload_id == upload.upload_id


def _is_cleared(video: Video) -> bool:
    """Return whether the video failed for its content and its storage was removed."""
    return (
        video.status is VideoStatus.FAILED
        and video.storage_gone_at is not None
        and video.status_code != OBJECT_MISSING["status_code"]
    )


def _counts(listed: ListedObject, video: Video) -> bool:
    """Return False for a deleted object whose versions nobody asked to remove."""
    return listed.is_current or _is_cleared(video)


async def _in_batches(listing: AsyncIterator[Listed]) -> AsyncIterator[list[Listed]]:
    batch: list[Listed] = []
    async for listed in listing:
        batch.append(listed)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
