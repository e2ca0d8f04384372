"""Assemble an upload's parts. The store's own part list and a HEAD of the object decide, not the browser."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from app.core.storage_causes import KnownCause
from app.domain.announced_object import is_announced
from app.domain.errors import PartsIncomplete, StorageUnavailable
from app.models import Video
from app.ports import (
    InvalidPart,
    NoSuchObject,
    NoSuchUpload,
    ObjectExists,
    ObjectStorage,
    StoredObject,
    StoredPart,
)

log = structlog.get_logger()

_ATTEMPTS: Final = 3


class ObjectMissing(Exception):
    """The store has neither the upload nor the announced object."""


@dataclass(frozen=True)
class Assembly:
    storage: ObjectStorage

    async def is_done(self, video: Video) -> bool:
        """Return whether the announced object is at the video's key. Raise StorageUnavailable."""
        return self._if_announced(video, await self._find_object(video)) is not None

    async def assemble(self, video: Video) -> StoredObject:
        """Return the announced object. Raise PartsIncomplete, ObjectMissing, StorageUnavailable."""
        if video.upload_id is None:
            # The row was restored from before the upload began, and the reconciler saw the finished object.
            return await self._require_object(video)
        for _ in range(_ATTEMPTS):
            stored = await self._attempt(video, video.upload_id)
            if stored is not None:
                return stored
        raise StorageUnavailable from KnownCause("The store refused each attempt to assemble the parts.")

    async def _attempt(self, video: Video, upload_id: str) -> StoredObject | None:
        """Return None if another attempt may succeed. Raise as `assemble` does."""
        try:
            parts = await self._verified_parts(video, upload_id)
        except NoSuchUpload:
            # The store answers the same after an abort and after a Complete whose answer was lost.
            return await self._require_object(video)
        except PartsIncomplete:
            # A late part may make the store list a completed upload again, without its other parts.
            if stored := self._if_announced(video, await self._find_object(video)):
                return stored
            raise
        refusal = await self._send_complete(video, upload_id, parts, only_if_new=True)
        if refusal is None:
            try:
                return await self._new_object(video)
            except StorageUnavailable as error:
                refusal = error
        if isinstance(refusal, InvalidPart):
            return None  # a part was replaced after the list
        found = await self._find_object(video)
        if stored := self._if_announced(video, found):
            return await self._close_upload(video, upload_id, stored)
        if isinstance(refusal, StorageUnavailable):
            raise refusal
        if isinstance(refusal, ObjectExists) and found is None:
            return None  # 409, because another request on this key was in progress
        raise ObjectMissing

    async def _close_upload(self, video: Video, upload_id: str, stored: StoredObject) -> StoredObject:
        """Repeat Complete until the upload ID is gone, so that no part URL works after the answer."""
        for _ in range(_ATTEMPTS):
            try:
                parts = await self._verified_parts(video, upload_id)
            except (NoSuchUpload, PartsIncomplete):
                return stored  # an upload that lacks parts can never be completed, and goes with the video
            refusal = await self._send_complete(video, upload_id, parts, only_if_new=False)
            if refusal is None:
                return await self._new_object(video)
            if isinstance(refusal, NoSuchUpload):
                return stored
            if isinstance(refusal, StorageUnavailable):
                raise refusal
        raise StorageUnavailable from KnownCause(
            "The store has the object, but it refuses to end the upload."
        )

    async def _verified_parts(self, video: Video, upload_id: str) -> Sequence[StoredPart]:
        """Return the parts in order. Raise NoSuchUpload, or PartsIncomplete with the parts that differ."""
        plan = video.part_plan
        listed = await self.storage.list_parts(video.object_key, upload_id)
        stored = {part.part_number: part for part in listed}
        numbers = range(1, plan.part_count + 1)
        missing = [number for number in numbers if number not in stored]
        planned = [stored[number] for number in numbers if number in stored]
        damaged = {part.part_number for part in planned if not _has_planned_size(video, part)}
        damaged |= await self._differing_md5s(video, planned)
        if missing or damaged:
            raise PartsIncomplete(missing, sorted(damaged))
        return planned

    async def _differing_md5s(self, video: Video, parts: Sequence[StoredPart]) -> set[int]:
        """Return the parts whose ETag is not the MD5 that the browser computed, if ETags are MD5s at this store.

        One part whose ETag is its MD5 shows that, else a sample. If ETags are something else, the Content-MD5 is what
        proves a part, because the store compared it when the part arrived.
        """
        md5s = video.part_md5s or {}
        known = [part for part in parts if str(part.part_number) in md5s] if video.etags_are_md5 else []
        comparable = [part for part in known if _may_be_md5(part)]
        differing = {
            part.part_number for part in comparable if not _has_md5(part, md5s[str(part.part_number)])
        }
        may_all_differ = differing and len(differing) == len(comparable)
        if may_all_differ and not await self.storage.part_etags_are_md5(video.object_key):
            comparable, differing = [], set()
        if len(comparable) < len(known):
            log.info("upload.parts_not_compared", video_id=str(video.id))
        return differing

    async def _send_complete(
        self, video: Video, upload_id: str, parts: Sequence[StoredPart], *, only_if_new: bool
    ) -> Exception | None:
        """Return the store's refusal, or None if it accepted."""
        try:
            await self.storage.complete_multipart_upload(
                video.object_key, upload_id, parts, only_if_new=only_if_new
            )
        except (InvalidPart, NoSuchUpload, ObjectExists, StorageUnavailable) as refusal:
            return refusal
        return None

    async def _require_object(self, video: Video) -> StoredObject:
        if stored := self._if_announced(video, await self._find_object(video)):
            return stored
        raise ObjectMissing

    async def _new_object(self, video: Video) -> StoredObject:
        """Return the object that a Complete just created. A HEAD that does not see it yet decides nothing."""
        found = await self._find_object(video)
        if found is None:
            raise StorageUnavailable from KnownCause(
                "The store does not show the object that it just assembled."
            )
        if stored := self._if_announced(video, found):
            return stored
        raise ObjectMissing

    async def _find_object(self, video: Video) -> StoredObject | None:
        try:
            return await self.storage.head(video.object_key)
        except NoSuchObject:
            return None

    def _if_announced(self, video: Video, found: StoredObject | None) -> StoredObject | None:
        if found is None:
            return None
        if is_announced(video.size_bytes, video.object_token, found.size_bytes, found.metadata):
            return found
        log.error("upload.foreign_object", video_id=str(video.id), size_bytes=found.size_bytes)
        return None


def _has_planned_size(video: Video, part: StoredPart) -> bool:
    return part.size_bytes == video.part_plan.part_bytes(part.part_number)


def _may_be_md5(part: StoredPart) -> bool:
    """Return False for ETags such as `...-2` of stores that divide large parts."""
    return re.fullmatch(r'"?[0-9a-fA-F]{32}"?', part.etag) is not None


def _has_md5(part: StoredPart, md5: str) -> bool:
    return part.etag.strip('"').lower() == md5.lower()
