"""Prove that the bucket has the object of each video, also if a copy of the bucket changed what identifies it.

A tool that copies a bucket may cut objects into other parts, which changes their ETags, and may drop their type and
their metadata. The audit then reports a replaced object, although the bytes are the same.
"""

import hashlib
import uuid
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from app.core.db import Database
from app.crud import videos
from app.domain.announced_object import TOKEN_METADATA, is_announced
from app.domain.errors import StorageUnavailable, Unavailable
from app.domain.multipart_etag import etag_of, may_tell_bytes
from app.models import Video
from app.ports import NoSuchObject, NoSuchUpload, ObjectChanged, ObjectStorage, StoredObject

log = structlog.get_logger()

_READ_BYTES: Final = 4 * 1024 * 1024
"""A slow line reads these within the time limit of a call."""


class Standing(StrEnum):
    INTACT = "intact"
    """Size, token, type and ETag are those of the row."""
    SAME_TOKEN = "same_token"  # noqa: S105  # a word of the report
    """Size, token and type are. Only the ETag differs."""
    SAME_BYTES = "same_bytes"
    """The bytes have the row's ETag. Token or type is lost."""
    UNPROVEN = "unproven"
    """Size is right, token or type is lost, and the row's ETag is not made from MD5s, so bytes can't be compared."""
    DIFFERENT = "different"
    MISSING = "missing"


ADOPTABLE: Final[Collection[Standing]] = frozenset({Standing.SAME_TOKEN, Standing.SAME_BYTES})


@dataclass(frozen=True)
class Verdict:
    standing: Standing
    adopted: bool = False

    @property
    def is_settled(self) -> bool:
        return self.adopted or self.standing is Standing.INTACT


Progress = Callable[[int], None]
"""Takes the number of bytes that were just read."""
_Send = Callable[[int, bytes], Awaitable[None]]


@dataclass(frozen=True)
class StorageProof:
    """Raises StorageUnavailable, Overloaded, DatabaseUnavailable. Nothing is half done then."""

    database: Database
    storage: ObjectStorage

    async def page(self, after: uuid.UUID) -> list[Video]:
        """Return the next videos by ID that have an object."""
        async with self.database.reading() as session:
            return await videos.list_with_object(session, after)

    async def bytes_after(self, after: uuid.UUID) -> int:
        async with self.database.reading() as session:
            return await videos.bytes_with_object(session, after)

    async def verify(self, video: Video, progress: Progress, *, accept: bool) -> Verdict:
        """Say what the object is. With `accept`, make an object with the video's bytes the video's again."""
        try:
            return await self._verify(video, progress, accept)
        except NoSuchObject:
            return Verdict(Standing.MISSING)
        except ObjectChanged:  # while it was read
            return Verdict(Standing.DIFFERENT)

    async def _verify(self, video: Video, progress: Progress, accept: bool) -> Verdict:
        found = await self.storage.head(video.object_key)
        if found.size_bytes != video.size_bytes:
            return Verdict(Standing.DIFFERENT)
        if _is_labelled(video, found):
            if found.etag == video.etag:
                return Verdict(Standing.INTACT)
            return Verdict(Standing.SAME_TOKEN, accept and await self._adopt(video, found))
        if not may_tell_bytes(video.etag or "", video.part_plan.part_count):
            return Verdict(Standing.UNPROVEN)
        if accept:
            return await self._write_anew(video, found, progress)
        is_same = await self._has_same_bytes(video, found, progress)
        return Verdict(Standing.SAME_BYTES if is_same else Standing.DIFFERENT)

    async def _has_same_bytes(
        self, video: Video, found: StoredObject, progress: Progress, send: _Send | None = None
    ) -> bool:
        """Read the object in the parts of its upload. `send` gets each part."""
        md5s = []
        plan, start = video.part_plan, 0
        for number in range(1, plan.part_count + 1):
            part = bytearray()
            while len(part) < plan.part_bytes(number):
                wanted = min(_READ_BYTES, plan.part_bytes(number) - len(part))
                read = await self.storage.read_range(video.object_key, start, wanted, found.etag)
                part += read.data
                start += len(read.data)
                progress(len(read.data))
            md5s.append(hashlib.md5(part, usedforsecurity=False).digest())
            if send:
                await send(number, bytes(part))
        return etag_of(md5s) == video.etag

    async def _write_anew(self, video: Video, found: StoredObject, progress: Progress) -> Verdict:
        """Upload the object's bytes to its own key, in the parts, with the type and the token of the video's upload.

        The object stays as it is until the last call, which is made only if the bytes are the video's.
        """
        key = video.object_key
        labels = {TOKEN_METADATA: video.object_token}
        upload = await self.storage.create_multipart_upload(key, video.content_type, "attachment", labels)

        async def send(number: int, part: bytes) -> None:
            await self.storage.upload_part(key, upload.upload_id, number, part)

        is_complete = False
        try:
            if not await self._has_same_bytes(video, found, progress, send):
                return Verdict(Standing.DIFFERENT)
            parts = await self.storage.list_parts(key, upload.upload_id)
            plan = video.part_plan
            planned = [(number, plan.part_bytes(number)) for number in range(1, plan.part_count + 1)]
            if [(part.part_number, part.size_bytes) for part in parts] != planned:
                raise StorageUnavailable
            await self.storage.complete_multipart_upload(key, upload.upload_id, parts, only_if_new=False)
            is_complete = True
        except NoSuchUpload:
            raise StorageUnavailable from None  # a sweep aborts uploads older than the grace time
        finally:
            if not is_complete:
                with suppress(Unavailable):
                    await self.storage.abort_multipart_upload(key, upload.upload_id)
        written = await self.storage.head(key)
        if not _is_labelled(video, written):
            raise StorageUnavailable
        return Verdict(Standing.SAME_BYTES, await self._adopt(video, written))

    async def _adopt(self, video: Video, stored: StoredObject) -> bool:
        """Return False if the video changed meanwhile."""
        async with self.database.transaction() as session:
            adopted = await videos.adopt_object(session, video, stored.etag)
        if adopted:
            log.info("storage.object_adopted", video_id=str(video.id), old_etag=video.etag, etag=stored.etag)
        return adopted


def _is_labelled(video: Video, stored: StoredObject) -> bool:
    """Return whether size, token and type are the video's."""
    is_ours = is_announced(video.size_bytes, video.object_token, stored.size_bytes, stored.metadata)
    return is_ours and stored.content_type == video.content_type
