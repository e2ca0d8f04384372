"""Prove that the bucket has the object of each video, also if a copy of the bucket changed what identifies it.

A tool that copies a bucket may cut objects into other parts, which changes their ETags, and may drop their type and
their metadata. The audit then reports a replaced object, although the bytes are the same.
"""

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.core.storage_causes import KnownCause
from app.crud import users, videos
from app.domain.announced_object import TOKEN_METADATA, is_announced
from app.domain.errors import StorageUnavailable, Unavailable
from app.domain.multipart_etag import etag_of, may_tell_bytes
from app.domain.video_status import VideoStatus
from app.models import Video
from app.ports import Clock, NoSuchObject, NoSuchUpload, ObjectChanged, ObjectStorage, StoredObject

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
    RETURNED = "returned"
    """The video failed because its object was missing, and the object has the token or the bytes."""
    LOST = "lost"
    """The video failed because its object was missing, and it still is, or another one is there."""


ADOPTABLE: Final = frozenset({Standing.SAME_TOKEN, Standing.SAME_BYTES, Standing.RETURNED})
_PROVEN: Final = frozenset({Standing.INTACT, Standing.SAME_TOKEN, Standing.SAME_BYTES})


@dataclass(frozen=True)
class Verdict:
    standing: Standing
    adopted: bool = False

    @property
    def is_settled(self) -> bool:
        return self.adopted or self.standing in (Standing.INTACT, Standing.LOST)


Progress = Callable[[int], None]
"""Takes the number of bytes that were just read."""
_Send = Callable[[int, bytes], Awaitable[None]]


@dataclass(frozen=True)
class StorageProof:
    """Raises StorageUnavailable, Overloaded, DatabaseUnavailable. Nothing is half done then."""

    database: Database
    storage: ObjectStorage
    clock: Clock

    async def page(self, after: uuid.UUID) -> list[Video]:
        """Return the next videos by ID whose object was verified once."""
        async with self.database.reading() as session:
            return await videos.list_with_object(session, after)

    async def bytes_after(self, after: uuid.UUID) -> int:
        async with self.database.reading() as session:
            return await videos.bytes_with_object(session, after)

    async def verify(self, video: Video, progress: Progress, *, accept: bool) -> Verdict:
        """Say what the object is. With `accept`, make an object with the video's bytes the video's again, and bring the
        video back if it failed without it.
        """
        try:
            verdict = await self._verify(video, progress, accept)
        except NoSuchObject:
            verdict = Verdict(Standing.MISSING)
        except ObjectChanged:  # while it was read
            verdict = Verdict(Standing.DIFFERENT)
        if video.status is not VideoStatus.FAILED:
            return verdict
        return replace(verdict, standing=Standing.RETURNED if verdict.standing in _PROVEN else Standing.LOST)

    async def _verify(self, video: Video, progress: Progress, accept: bool) -> Verdict:
        found = await self.storage.head(video.object_key)
        if found.size_bytes != video.size_bytes:
            return Verdict(Standing.DIFFERENT)
        if _is_labelled(video, found):
            if found.etag == video.etag and video.status is not VideoStatus.FAILED:
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
                raise StorageUnavailable from KnownCause("The store does not list the parts that it took.")
            await self.storage.complete_multipart_upload(key, upload.upload_id, parts, only_if_new=False)
            is_complete = True
        except NoSuchUpload:
            raise StorageUnavailable from KnownCause(
                "The upload was aborted before its end, as a sweep does after UPLOAD_GRACE_SECONDS."
            )
        finally:
            if not is_complete:
                with suppress(Unavailable):
                    await self.storage.abort_multipart_upload(key, upload.upload_id)
        written = await self.storage.head(key)
        if not _is_labelled(video, written):
            raise StorageUnavailable from KnownCause(
                "The object that the store wrote has another size, type or token."
            )
        return Verdict(Standing.SAME_BYTES, await self._adopt(video, written))

    async def _adopt(self, video: Video, stored: StoredObject) -> bool:
        """Return False if the video changed meanwhile."""
        async with self.database.transaction() as session:
            if video.status is VideoStatus.FAILED:
                adopted = await self._bring_back(session, video, stored.etag)
            else:
                adopted = await videos.adopt_object(session, video, stored.etag)
        if adopted:
            log.info(
                "storage.object_adopted",
                video_id=str(video.id),
                was=video.status.value,
                old_etag=video.etag,
                etag=stored.etag,
            )
        return adopted

    async def _bring_back(self, session: AsyncSession, video: Video, etag: str) -> bool:
        """Let its bytes count again, whatever the quota, because they are in the store."""
        await users.lock(session, video.user_id)
        brought_back = await videos.bring_back(session, video, etag, self.clock.now())
        if brought_back:
            await users.take_bytes(session, video.user_id, video.size_bytes - video.reserved_bytes)
        return brought_back


def _is_labelled(video: Video, stored: StoredObject) -> bool:
    """Return whether size, token and type are the video's."""
    is_ours = is_announced(video.size_bytes, video.object_token, stored.size_bytes, stored.metadata)
    return is_ours and stored.content_type == video.content_type
