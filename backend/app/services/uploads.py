"""The upload conversation: create, sign parts, complete. Bytes never pass here; what the browser says is checked.

Each use case is a chain of short units of work; no transaction is open while the store is asked. Every step may be
repeated: after a crash, a lost answer, or by two callers at once.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.core.db import Database
from app.crud import users, videos
from app.domain.errors import (
    OBJECT_MISSING,
    IdempotencyConflict,
    InvalidRequest,
    PartsIncomplete,
    QuotaExceeded,
    StorageUnavailable,
    TooManyUploads,
    Unavailable,
    VideoNotFound,
    WrongState,
)
from app.domain.part_plan import MAX_PARTS_PER_SIGNING, plan_parts
from app.domain.recheck import is_gone
from app.domain.video_file import VideoFile, check_file, object_key
from app.domain.video_status import HIDDEN, VideoEvent, VideoStatus
from app.models import Video
from app.ports import (
    Clock,
    InvalidPart,
    JobQueue,
    NoSuchObject,
    NoSuchUpload,
    ObjectExists,
    ObjectStorage,
    PresignedPart,
    StoredObject,
    StoredPart,
)
from app.services.background import BackgroundTasks

log = structlog.get_logger()

TOKEN_METADATA = "slipway-token"  # noqa: S105  # the name of a metadata field, not a secret
_LEASE = timedelta(seconds=30)
_LEASE_RENEWAL_SECONDS = 10.0
_WAIT_SECONDS = 10.0
"""How long a complete call waits for the store before it answers 202."""
_LOOK_AGAIN_SECONDS = 0.2
_ASSEMBLY_ROUNDS = 3


@dataclass(frozen=True)
class UploadLimits:
    """What an installation allows; from Settings."""

    max_upload_bytes: int
    presign_ttl_seconds: int
    grace: timedelta
    user_quota_bytes: int
    user_max_uploads_in_flight: int


@dataclass(frozen=True)
class StartedUpload:
    """The row, and the first signed parts; `parts` is None when the upload is past sending."""

    video: Video
    parts: Sequence[PresignedPart] | None
    is_new: bool


class _ObjectVanished(Exception):
    """Neither the upload nor its object is in the store."""


class _ForeignObject(_ObjectVanished):
    """The object at the key is not the announced one."""


class UploadService:
    def __init__(
        self,
        database: Database,
        storage: ObjectStorage,
        queue: JobQueue,
        clock: Clock,
        tasks: BackgroundTasks,
        limits: UploadLimits,
    ) -> None:
        self._database = database
        self._storage = storage
        self._queue = queue
        self._clock = clock
        self._tasks = tasks
        self._limits = limits

    # --- create -----------------------------------------------------------------------------------------------

    async def create(
        self,
        user_id: uuid.UUID,
        filename: str,
        size_bytes: int,
        content_type: str,
        idempotency_key: uuid.UUID | None,
    ) -> StartedUpload:
        """Row first, then the multipart upload, then its id into the row.

        Raises what check_file raises, IdempotencyConflict, QuotaExceeded, TooManyUploads, WrongState for a key whose
        video has left meanwhile, StorageUnavailable.
        """
        file = check_file(filename, size_bytes, content_type, self._limits.max_upload_bytes)
        video, is_new = await self._find_or_insert(user_id, file, idempotency_key)
        if video.status in HIDDEN:
            raise WrongState(video.status)
        if video.status is not VideoStatus.UPLOADING:
            return StartedUpload(video, None, is_new)
        if video.upload_id is None:
            video = await self._open_multipart_upload(video)
        first_batch = range(1, min(video.part_plan.part_count, MAX_PARTS_PER_SIGNING) + 1)
        return StartedUpload(video, self._presign(video, first_batch), is_new)

    async def _find_or_insert(
        self, user_id: uuid.UUID, file: VideoFile, idempotency_key: uuid.UUID | None
    ) -> tuple[Video, bool]:
        async with self._database.transaction() as session:
            # Reserving first locks the user's row: equal creates in parallel pass here one after the other.
            fits = await users.reserve_bytes(session, user_id, file.size_bytes, self._limits.user_quota_bytes)
            if idempotency_key is not None:
                known = await videos.get_by_idempotency_key(session, user_id, idempotency_key)
                if known is not None:
                    if fits:
                        await users.release_bytes(session, user_id, file.size_bytes)
                    return _the_same(known, file), False
            if not fits:
                user = await users.get(session, user_id)
                raise QuotaExceeded(user.reserved_bytes if user else 0, self._limits.user_quota_bytes)
            open_ids = await videos.open_upload_ids(session, user_id)
            if len(open_ids) >= self._limits.user_max_uploads_in_flight:
                raise TooManyUploads([str(video_id) for video_id in open_ids])
            video = self._new_row(user_id, file, idempotency_key)
            await videos.insert(session, video)
        return video, True

    def _new_row(self, user_id: uuid.UUID, file: VideoFile, idempotency_key: uuid.UUID | None) -> Video:
        now = self._clock.now()
        video_id = uuid.uuid4()
        expires_at = now + self._limits.grace
        return Video(
            id=video_id,
            user_id=user_id,
            idempotency_key=idempotency_key,
            original_filename=file.filename,
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
            expires_at=expires_at,
            due_at=expires_at,
        )

    async def _open_multipart_upload(self, video: Video) -> Video:
        try:
            created = await self._storage.create_multipart_upload(
                video.object_key,
                video.content_type,
                # The bucket is never a web site: a browser that opens the object saves it.
                "attachment",
                {TOKEN_METADATA: video.object_token},
            )
        except Unavailable:
            await self._forget_unstarted(video)
            raise
        async with self._database.transaction() as session:
            expires_at = self._clock.now() + self._limits.grace
            await videos.save_upload_id(
                session, video.id, created.upload_id, created.etags_are_md5, expires_at
            )
            kept = await videos.get(session, video.id)
        if kept is None or kept.upload_id != created.upload_id:
            # A parallel equal create was faster, or the user deleted the video meanwhile: ours is not needed. Not
            # waited for: before a slow store two calls in a row take longer than a request may. The sweep is the net.
            self._tasks.start(self._storage.abort_multipart_upload(video.object_key, created.upload_id))
        if kept is None:
            # The parallel create failed at the store and took the row away: the same call again makes a new one.
            raise StorageUnavailable
        if kept.status in HIDDEN:
            raise WrongState(kept.status)
        log.info("upload.created", video_id=str(video.id), parts=video.part_plan.part_count)
        return kept

    async def _forget_unstarted(self, video: Video) -> None:
        """No URL was handed out, so nothing can be stored: the row goes and the quota is free again."""
        async with self._database.transaction() as session:
            if await videos.delete_unstarted(session, video.id):
                await users.release_bytes(session, video.user_id, video.reserved_bytes)

    # --- sign -------------------------------------------------------------------------------------------------

    async def sign_parts(
        self, user_id: uuid.UUID, video_id: uuid.UUID, part_numbers: Sequence[int]
    ) -> Sequence[PresignedPart]:
        """URLs for these parts, from the row alone; raises VideoNotFound, WrongState, InvalidRequest."""
        async with self._database.reading() as session:
            video = await videos.get_visible(session, video_id, user_id)
        if video is None:
            raise VideoNotFound
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
            raise ValueError("an upload without id has no parts to sign")
        now = self._clock.now()
        ttl = self._limits.presign_ttl_seconds
        return [
            self._storage.presign_part(
                video.object_key, video.upload_id, number, video.part_plan.part_bytes(number), now, ttl
            )
            for number in part_numbers
        ]

    # --- complete ---------------------------------------------------------------------------------------------

    async def complete(self, user_id: uuid.UUID, video_id: uuid.UUID, part_md5s: Mapping[int, str]) -> Video:
        """The video once its object is proven; still `completing` when the store needs longer than 10 s.

        `proof` maps part numbers to the MD5s the browser computed. One caller works, the others wait for it.
        Raises VideoNotFound, WrongState, PartsIncomplete, StorageUnavailable.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _WAIT_SECONDS
        while True:
            owner = uuid.uuid4()
            video = await self._claim_completion(user_id, video_id, part_md5s, owner)
            if video.status is VideoStatus.UPLOADING:
                continue  # another call took it and gave it back between our look and our claim
            if video.status is not VideoStatus.COMPLETING:
                return video
            if video.lease_owner == owner:
                # A task of its own: a browser that goes away does not stop an assembly half way.
                work = self._tasks.start(self._assemble(video, owner))
                done, _ = await asyncio.wait({work}, timeout=deadline - loop.time())
                return work.result() if done else video
            if loop.time() >= deadline:
                return video
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def resume_completion(self, video_id: uuid.UUID) -> None:
        """Finishes a completion whose caller and process are gone; leaves it where it cannot be finished."""
        owner = uuid.uuid4()
        now = self._clock.now()
        async with self._database.transaction() as session:
            if not await videos.retake_completion(session, video_id, owner, now, now + _LEASE):
                return
            video = await videos.get(session, video_id)
        if video is not None:
            await self._assemble(video, owner)

    async def is_assembled(self, video: Video) -> bool:
        """Whether the announced object stands at the video's key; raises StorageUnavailable."""
        try:
            await self._object_of(video)
        except _ObjectVanished:
            return False
        return True

    async def _claim_completion(
        self, user_id: uuid.UUID, video_id: uuid.UUID, part_md5s: Mapping[int, str], owner: uuid.UUID
    ) -> Video:
        now = self._clock.now()
        until = now + _LEASE
        async with self._database.transaction() as session:
            video = await videos.get_visible(session, video_id, user_id)
            if video is None:
                raise VideoNotFound
            if video.status is VideoStatus.UPLOADING:
                if video.upload_id is None:
                    raise WrongState(video.status)
                await videos.transition(
                    session,
                    video_id,
                    VideoEvent.COMPLETE_CLAIMED,
                    lease_owner=owner,
                    lease_until=until,
                    due_at=until,
                    # What the expiry's first look noted answers another question: the completion looks twice itself.
                    missing_since=None,
                    part_md5s=_kept(video, part_md5s),
                )
            elif video.status is VideoStatus.COMPLETING:
                await videos.retake_completion(
                    session, video_id, owner, now, until, part_md5s=_kept(video, part_md5s)
                )
            else:
                return video
            claimed = await videos.get_visible(session, video_id, user_id)
        if claimed is None:
            raise VideoNotFound
        return claimed

    async def _assemble(self, video: Video, owner: uuid.UUID) -> Video:
        try:
            async with self._lease_kept(video.id, owner):
                stored = await self._prove_and_assemble(video)
        except PartsIncomplete as error:
            # It expires when it would have: only a part that arrives is progress, a complete is none.
            await self._settle(video, owner, VideoEvent.PARTS_MISSING, due_at=video.expires_at)
            log.info("upload.parts_incomplete", video_id=str(video.id), **error.facts)
            raise
        except _ObjectVanished:
            return await self._give_up_at_the_second_look(video, owner)
        except Exception:
            await self._leave_undecided(video, owner, missing_since=None)
            raise
        completed = await self._settle(
            video,
            owner,
            VideoEvent.COMPLETE_PROVEN,
            etag=stored.etag,
            uploaded_at=self._clock.now(),
            expires_at=None,
        )
        log.info("upload.completed", video_id=str(video.id), size_bytes=video.size_bytes)
        return completed

    async def _give_up_at_the_second_look(self, video: Video, owner: uuid.UUID) -> Video:
        """Neither upload nor object was found; raises StorageUnavailable while that may be a stale answer."""
        now = self._clock.now()
        if not is_gone(video.missing_since, now):
            log.warning("upload.object_not_seen", video_id=str(video.id))
            await self._leave_undecided(video, owner, missing_since=video.missing_since or now)
            raise StorageUnavailable
        log.error("upload.object_vanished", video_id=str(video.id))
        return await self._settle(video, owner, VideoEvent.OBJECT_VANISHED, **OBJECT_MISSING, due_at=now)

    async def _leave_undecided(
        self, video: Video, owner: uuid.UUID, *, missing_since: datetime | None
    ) -> None:
        """The next complete call tries again at once, the upkeep after a lease's time."""
        due_at = self._clock.now() + _LEASE
        async with self._database.transaction() as session:
            await videos.drop_lease(session, video.id, owner, due_at, missing_since)

    async def _settle(self, video: Video, owner: uuid.UUID, event: VideoEvent, **changes: object) -> Video:
        """Writes the outcome if the lease is still ours; either way answers what the row says now."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            moved = await videos.settle(session, video.id, event, owner, part_md5s=None, **changes)
            if moved and event is VideoEvent.COMPLETE_PROVEN:
                await self._queue.enqueue_probe(session, video.id)
            if not moved:
                # Deleted meanwhile, and the deletion waits for this lease.
                await videos.drop_lease(session, video.id, owner, due_at=now)
            current = await videos.get_visible(session, video.id, video.user_id)
        if current is None:
            raise VideoNotFound
        return current

    async def _prove_and_assemble(self, video: Video) -> StoredObject:
        """The assembled object, proven to be the announced one.

        Raises PartsIncomplete, _ObjectVanished, StorageUnavailable.
        """
        upload_id = video.upload_id
        if upload_id is None:
            # Restored from before its upload began; the upkeep saw the finished object and sent it here.
            return await self._object_of(video)
        for _ in range(_ASSEMBLY_ROUNDS):
            try:
                listed = await self._storage.list_parts(video.object_key, upload_id)
            except NoSuchUpload:
                # Completed before, by a call whose answer was lost; or gone. The same error means both.
                return await self._object_of(video)
            try:
                parts = _checked_against_plan(video, listed)
            except PartsIncomplete as incomplete:
                # A part that came late may list a finished upload anew, without the others.
                try:
                    return await self._object_of(video)
                except _ObjectVanished:
                    raise incomplete from None
            try:
                await self._storage.complete_multipart_upload(
                    video.object_key, upload_id, parts, only_if_new=True
                )
                return await self._just_assembled(video)
            except InvalidPart:
                continue  # a part was replaced since we listed: look again
            except NoSuchUpload:
                return await self._finish_by_head(video, upload_id)
            except ObjectExists:
                try:
                    return await self._finish_by_head(video, upload_id)
                except _ForeignObject:
                    raise
                except _ObjectVanished:
                    continue  # 409: another request on this key was under way; the upload is still there
            except StorageUnavailable as error:
                try:
                    return await self._finish_by_head(video, upload_id)
                except _ObjectVanished:
                    raise error from None
        raise StorageUnavailable

    async def _just_assembled(self, video: Video) -> StoredObject:
        """The object a Complete has answered for: a HEAD that does not see it yet decides nothing."""
        try:
            return await self._object_of(video)
        except _ForeignObject:
            raise
        except _ObjectVanished:
            raise StorageUnavailable from None

    async def _finish_by_head(self, video: Video, upload_id: str) -> StoredObject:
        """Success decided by HEAD; then Complete is repeated, with the parts as they are by then, until it is answered
        or the upload id is gone: no part URL may still reach the store once we have answered."""
        stored = await self._object_of(video)
        for _ in range(_ASSEMBLY_ROUNDS):
            try:
                parts = _checked_against_plan(
                    video, await self._storage.list_parts(video.object_key, upload_id)
                )
                await self._storage.complete_multipart_upload(
                    video.object_key, upload_id, parts, only_if_new=False
                )
                return await self._just_assembled(video)
            except (NoSuchUpload, PartsIncomplete):
                return stored  # gone, or nothing that could ever be completed: it goes with the video
            except (InvalidPart, ObjectExists):
                continue
        raise StorageUnavailable

    async def _object_of(self, video: Video) -> StoredObject:
        """The object at the video's key when it is the announced one; raises _ObjectVanished otherwise."""
        try:
            stored = await self._storage.head(video.object_key)
        except NoSuchObject:
            raise _ObjectVanished from None
        if stored.size_bytes != video.size_bytes or stored.metadata.get(TOKEN_METADATA) != video.object_token:
            log.error("upload.foreign_object", video_id=str(video.id), size_bytes=stored.size_bytes)
            raise _ForeignObject
        return stored

    @asynccontextmanager
    async def _lease_kept(self, video_id: uuid.UUID, owner: uuid.UUID) -> AsyncIterator[None]:
        """Renews the lease while the block runs: short enough to be taken over soon after a crash."""

        ended = asyncio.Event()

        async def renew() -> None:
            while True:
                try:
                    async with asyncio.timeout(_LEASE_RENEWAL_SECONDS):
                        await ended.wait()
                    return
                except TimeoutError:
                    pass
                try:
                    async with self._database.transaction() as session:
                        await videos.extend_lease(session, video_id, owner, self._clock.now() + _LEASE)
                except Unavailable:
                    log.warning("upload.lease_not_renewed", video_id=str(video_id))

        renewal = asyncio.create_task(renew())
        try:
            yield
        finally:
            # Not cancelled: a transaction cancelled in its middle keeps SQLite's write lock for seconds.
            ended.set()
            await asyncio.gather(renewal, return_exceptions=True)


def _the_same(known: Video, file: VideoFile) -> Video:
    announced = (file.filename, file.size_bytes, file.content_type)
    if (known.original_filename, known.size_bytes, known.content_type) != announced:
        raise IdempotencyConflict
    return known


def _kept(video: Video, part_md5s: Mapping[int, str]) -> dict[str, str]:
    """What is known of the parts' MD5s now: this call's word, and those of calls that were cut off."""
    planned = range(1, video.part_plan.part_count + 1)
    return {
        **(video.part_md5s or {}),
        **{str(number): part_md5s[number] for number in planned if number in part_md5s},
    }


def _checked_against_plan(video: Video, parts: Sequence[StoredPart]) -> Sequence[StoredPart]:
    """Parts 1..N as planned, by the store's own list; raises PartsIncomplete naming what differs."""
    plan = video.part_plan
    stored = {part.part_number: part for part in parts}
    numbers = range(1, plan.part_count + 1)
    missing = [number for number in numbers if number not in stored]
    mismatched = [
        number for number in numbers if number in stored and not _arrived_as_sent(video, stored[number])
    ]
    if missing or mismatched:
        raise PartsIncomplete(missing, mismatched)
    return [stored[number] for number in numbers]


def _arrived_as_sent(video: Video, part: StoredPart) -> bool:
    if part.size_bytes != video.part_plan.part_bytes(part.part_number):
        return False
    md5 = (video.part_md5s or {}).get(str(part.part_number))
    return md5 is None or not video.etags_are_md5 or part.etag.strip('"').lower() == md5.lower()
