"""Create uploads and sign their parts. Video bytes never pass through this process.

No transaction is open during a call to the store. Every step may be repeated after a crash or a lost answer.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit_events import AuditEvent, record
from app.core.config import Settings
from app.core.db import Database
from app.core.storage_causes import KnownCause
from app.crud import installation, users, videos
from app.domain.announced_object import TOKEN_METADATA
from app.domain.errors import (
    IdempotencyConflict,
    InstallationFull,
    InvalidRequest,
    NotAuthenticated,
    QuotaExceeded,
    StorageUnavailable,
    TooManyUploads,
    TooManyVideos,
    Unavailable,
    WrongState,
)
from app.domain.part_plan import MAX_PARTS_PER_SIGNING, plan_parts
from app.domain.video_file import VideoFile, check_file, object_key
from app.domain.video_list import name_key
from app.domain.video_status import VideoStatus
from app.models import User, Video
from app.ports import Clock, ObjectStorage, PresignedPart
from app.services.background import BackgroundTasks


@dataclass(frozen=True)
class StartedUpload:
    """The row and its first signed parts. `parts` is None if the upload no longer accepts parts."""

    video: Video
    parts: Sequence[PresignedPart] | None
    is_new: bool


@dataclass
class UploadService:
    database: Database
    storage: ObjectStorage
    clock: Clock
    tasks: BackgroundTasks
    settings: Settings

    async def create(
        self,
        user_id: uuid.UUID,
        filename: str,
        size_bytes: int,
        content_type: str,
        idempotency_key: uuid.UUID | None,
    ) -> StartedUpload:
        """Insert the row, create the multipart upload, store its ID in the row, and sign the first parts.

        Raise what check_file raises, NotAuthenticated if the account was disabled meanwhile, IdempotencyConflict,
        QuotaExceeded, InstallationFull, TooManyUploads, TooManyVideos, StorageUnavailable, or WrongState if the
        idempotency key belongs to a video that is being removed.
        """
        file = check_file(filename, size_bytes, content_type, self.settings.max_upload_bytes)
        video, is_new = await self._find_or_insert(user_id, file, idempotency_key)
        _refuse_hidden(video)
        if video.status is not VideoStatus.UPLOADING:
            return StartedUpload(video, None, is_new)
        if video.upload_id is None:
            video = await self._open_multipart_upload(video)
        first_batch = range(1, min(video.part_plan.part_count, MAX_PARTS_PER_SIGNING) + 1)
        return StartedUpload(video, self._presign(video, first_batch), is_new)

    async def _find_or_insert(
        self, user_id: uuid.UUID, file: VideoFile, idempotency_key: uuid.UUID | None
    ) -> tuple[Video, bool]:
        usual_quota = self.settings.user_quota_bytes
        async with self.database.transaction() as session:
            # The reservation locks the user's row, so that concurrent creates run one after the other.
            fits = await users.reserve_bytes(session, user_id, file.size_bytes, usual_quota)
            refused = None if fits else await _active_user(session, user_id)
            if idempotency_key is not None:
                known = await videos.get_by_idempotency_key(session, user_id, idempotency_key)
                if known is not None:
                    if fits:
                        await users.release_bytes(session, user_id, file.size_bytes)
                    return _same_file(known, file), False
            if refused is not None:
                raise QuotaExceeded(refused.reserved_bytes, refused.quota(usual_quota))
            await self._require_few(session, user_id)
            await self._require_room(session)
            video = self._new_row(user_id, file, idempotency_key)
            await videos.insert(session, video)
        return video, True

    async def _require_few(self, session: AsyncSession, user_id: uuid.UUID) -> None:
        """Raise TooManyUploads or TooManyVideos. The caller has locked the user's row."""
        open_ids = await videos.open_upload_ids(session, user_id)
        if len(open_ids) >= self.settings.user_max_uploads_in_flight:
            raise TooManyUploads([str(video_id) for video_id in open_ids])
        # Failed videos use no space, so the quota alone would let their rows fill the database.
        limit = self.settings.user_max_videos
        if await videos.count_of(session, user_id) >= limit:
            raise TooManyVideos(limit)

    async def _require_room(self, session: AsyncSession) -> None:
        """Raise InstallationFull if this transaction's reservation exceeds the limit of the whole installation."""
        limit = self.settings.max_total_bytes
        if limit is None:
            return
        await installation.lock(session)
        if await users.total_reserved_bytes(session) > limit:
            raise InstallationFull

    def _new_row(self, user_id: uuid.UUID, file: VideoFile, idempotency_key: uuid.UUID | None) -> Video:
        now = self.clock.now()
        video_id = uuid.uuid4()
        expires_at = now + self.settings.upload_grace
        return Video(
            id=video_id,
            user_id=user_id,
            idempotency_key=idempotency_key,
            original_filename=file.filename,
            name_key=name_key(file.filename),
            content_type=file.content_type,
            declared_container=file.container.name,
            size_bytes=file.size_bytes,
            part_size_bytes=plan_parts(file.size_bytes).part_size_bytes,
            object_key=object_key(user_id, video_id, uuid.uuid4(), file.container),
            object_token=uuid.uuid4().hex,
            etags_are_md5=False,
            status=VideoStatus.UPLOADING,
            reserved_bytes=file.size_bytes,
            attempts=0,
            postponed=0,
            metadata_complete=False,
            created_at=now,
            changed_at=now,
            expires_at=expires_at,
            due_at=expires_at,
        )

    async def _open_multipart_upload(self, video: Video) -> Video:
        try:
            created = await self.storage.create_multipart_upload(
                video.object_key,
                video.content_type,
                # A browser that opens the object must save it and not render it in the bucket's origin.
                "attachment",
                {TOKEN_METADATA: video.object_token},
            )
        except Unavailable:
            await self._forget_unstarted(video)
            raise
        async with self.database.transaction() as session:
            expires_at = self.clock.now() + self.settings.upload_grace
            await videos.save_upload_id(
                session, video.id, created.upload_id, created.etags_are_md5, expires_at
            )
            kept = await videos.get(session, video.id)
        if kept is None or kept.upload_id != created.upload_id:
            # A concurrent create was faster, or the user deleted the video. Abort in the background, because two calls
            # to a slow store take longer than a request may. The sweep aborts what this call misses.
            self.tasks.start(self.storage.abort_multipart_upload(video.object_key, created.upload_id))
        if kept is None:
            # The concurrent create failed at the store and deleted the row. A repeated call inserts a new one.
            raise StorageUnavailable from KnownCause(
                "Another request to begin this upload failed, and undid it."
            )
        _refuse_hidden(kept)
        record(
            AuditEvent.UPLOAD_CREATED,
            user_id=video.user_id,
            video_id=video.id,
            size_bytes=video.size_bytes,
            parts=video.part_plan.part_count,
        )
        return kept

    async def _forget_unstarted(self, video: Video) -> None:
        """Delete the row and release the quota. Nobody has a URL yet, so nothing can be stored."""
        async with self.database.transaction() as session:
            await users.lock(session, video.user_id)
            if await videos.delete_unstarted(session, video.id):
                await users.release_bytes(session, video.user_id, video.reserved_bytes)

    async def sign_parts(
        self, user_id: uuid.UUID, video_id: uuid.UUID, part_numbers: Sequence[int]
    ) -> Sequence[PresignedPart]:
        """Sign URLs for these parts without calling the store.

        Raise VideoNotFound, WrongState if the video is not uploading, InvalidRequest if it has no such part.
        """
        async with self.database.reading() as session:
            video = await videos.get_visible(session, video_id, user_id)
        if video.status is not VideoStatus.UPLOADING or video.upload_id is None:
            raise WrongState(video.status)
        last = video.part_plan.part_count
        if outside := [number for number in part_numbers if not 1 <= number <= last]:
            raise InvalidRequest(
                f"This upload has parts 1 to {last}.",
                ["body", "part_numbers"],
                f"outside the plan: {outside}",
            )
        return self._presign(video, part_numbers)

    def _presign(self, video: Video, part_numbers: Sequence[int]) -> Sequence[PresignedPart]:
        if video.upload_id is None:
            raise ValueError("a video without upload ID has no parts to sign")
        now = self.clock.now()
        ttl = self.settings.presign_ttl_seconds
        return [
            self.storage.presign_part(
                video.object_key, video.upload_id, number, video.part_plan.part_bytes(number), now, ttl
            )
            for number in part_numbers
        ]


async def _active_user(session: AsyncSession, user_id: uuid.UUID) -> User:
    """Raise NotAuthenticated if the account was disabled or deleted after the request was authenticated."""
    user = await users.get(session, user_id)
    if user is None or not user.is_active:
        raise NotAuthenticated
    return user


def _refuse_hidden(video: Video) -> None:
    """Raise WrongState if its owner no longer sees the video."""
    if video.is_hidden:
        raise WrongState(VideoStatus.DELETING if video.remove_at else video.status)


def _same_file(known: Video, file: VideoFile) -> Video:
    announced = (file.filename, file.size_bytes, file.content_type)
    if (known.original_filename, known.size_bytes, known.content_type) != announced:
        raise IdempotencyConflict
    return known
