"""Query videos. A status changes only through `transition`, which is one guarded UPDATE along the state machine."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final, Unpack

from sqlalchemy import ColumnElement, delete, func, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.core.metrics import VIDEO_TRANSITIONS
from app.crud.guarded import VideoChanges, change, changed_one, row
from app.domain.errors import OBJECT_MISSING, VideoNotFound
from app.domain.video_list import name_key
from app.domain.video_status import HIDDEN, IN_FLIGHT, TRANSITIONS, VideoEvent, VideoStatus
from app.models import IS_WITHOUT_NAME_KEY, Video


async def insert(session: AsyncSession, video: Video) -> None:
    session.add(video)
    await session.flush()


async def get(session: AsyncSession, video_id: uuid.UUID) -> Video | None:
    return await session.get(Video, video_id, populate_existing=True)


async def lock(session: AsyncSession, *conditions: ColumnElement[bool]) -> list[uuid.UUID]:
    """Lock the videos in the order of their IDs, as crud/guarded.py requires, and return them."""
    statement = select(Video.id).where(*conditions).order_by(col(Video.id)).with_for_update(key_share=True)
    return list(await session.scalars(statement))


def is_visible() -> ColumnElement[bool]:
    """Require that its owner sees the video. `Video.is_hidden` says the opposite of a row."""
    return col(Video.status).not_in(HIDDEN) & col(Video.remove_at).is_(None)


async def get_visible(session: AsyncSession, video_id: uuid.UUID, user_id: uuid.UUID) -> Video:
    """Raise VideoNotFound if the video belongs to another user or is removed."""
    statement = (
        select(Video)
        .where(Video.id == video_id, Video.user_id == user_id, is_visible())
        .execution_options(populate_existing=True)
    )
    video = (await session.scalars(statement)).one_or_none()
    if video is None:
        raise VideoNotFound
    return video


async def get_by_idempotency_key(
    session: AsyncSession, user_id: uuid.UUID, idempotency_key: uuid.UUID
) -> Video | None:
    statement = select(Video).where(Video.user_id == user_id, Video.idempotency_key == idempotency_key)
    return (await session.scalars(statement)).one_or_none()


async def open_upload_ids(
    session: AsyncSession, user_id: uuid.UUID, *, also_removed: bool = False
) -> list[uuid.UUID]:
    """Return the user's open uploads. One that its owner removed no longer counts, unless they restore it."""
    statement = select(Video.id).where(Video.user_id == user_id, col(Video.status).in_(IN_FLIGHT))
    if not also_removed:
        statement = statement.where(col(Video.remove_at).is_(None))
    return list(await session.scalars(statement.order_by(col(Video.created_at))))


async def list_changed(
    session: AsyncSession, user_id: uuid.UUID, changed_from: datetime, limit: int
) -> list[Video]:
    """Return the user's videos that changed since, also those that are hidden now."""
    statement = select(Video).where(Video.user_id == user_id, col(Video.changed_at) >= changed_from)
    return list(await session.scalars(statement.order_by(col(Video.changed_at)).limit(limit)))


async def count_of(session: AsyncSession, user_id: uuid.UUID) -> int:
    """Count the user's rows, also of videos that are being removed."""
    statement = select(func.count()).select_from(Video).where(Video.user_id == user_id)
    return (await session.scalars(statement)).one()


async def list_all_of(
    session: AsyncSession, user_id: uuid.UUID, statuses: Collection[VideoStatus]
) -> list[Video]:
    """Return the user's videos in these states, also those that are being removed, the newest first."""
    statement = select(Video).where(Video.user_id == user_id, col(Video.status).in_(statuses))
    return list(await session.scalars(statement.order_by(col(Video.created_at).desc(), col(Video.id))))


async def ids_to_remove(session: AsyncSession, user_id: uuid.UUID, limit: int) -> list[uuid.UUID]:
    """Return videos of the user that are not being deleted, by ID."""
    statement = select(Video.id).where(Video.user_id == user_id, Video.status != VideoStatus.DELETING)
    return list(await session.scalars(statement.order_by(col(Video.id)).limit(limit)))


async def save_upload_id(
    session: AsyncSession, video_id: uuid.UUID, upload_id: str, etags_are_md5: bool, expires_at: datetime
) -> None:
    """Store the upload ID unless the row has one. Its grace begins now, however old the row is."""
    await change(
        session,
        row(video_id, VideoStatus.UPLOADING),
        col(Video.upload_id).is_(None),
        upload_id=upload_id,
        etags_are_md5=etags_are_md5,
        expires_at=expires_at,
        due_at=expires_at,
        missing_since=None,
    )


async def transition(
    session: AsyncSession,
    video_id: uuid.UUID,
    event: VideoEvent,
    *guards: ColumnElement[bool],
    changed_at: datetime,
    metadata: Mapping[str, object] | None = None,
    **changes: Unpack[VideoChanges],
) -> bool:
    """Move the video along `event` and write `changes` and the metadata columns with it.

    Return False if the video is in none of the states that `event` starts from, or a guard does not hold.
    """
    sources, target = TRANSITIONS[event]
    moved = await changed_one(
        session,
        update(Video)
        .where(col(Video.id) == video_id, col(Video.status).in_(sources), *guards)
        .values(status=target, changed_at=changed_at, **changes, **(metadata or {})),
    )
    if moved:
        VIDEO_TRANSITIONS.labels(event=event.value, status=target.value).inc()
    return moved


def expires_at(moment: datetime | None) -> ColumnElement[bool]:
    """Require that `expires_at` is unchanged since we read it."""
    return col(Video.expires_at).is_not_distinct_from(moment)


async def list_due(
    session: AsyncSession, statuses: Collection[VideoStatus], now: datetime, limit: int
) -> list[Video]:
    statement = (
        select(Video)
        .where(col(Video.status).in_(statuses), col(Video.due_at) <= now)
        .order_by(col(Video.due_at))
        .limit(limit)
    )
    return list(await session.scalars(statement))


async def count_in_store(session: AsyncSession, video_ids: Collection[uuid.UUID]) -> int:
    """Count those of these videos whose bytes the store has not confirmed gone."""
    theirs = col(Video.id).in_(video_ids) & col(Video.storage_gone_at).is_(None)
    return (await session.execute(select(func.count()).select_from(Video).where(theirs))).scalar_one()


async def list_by_object_keys(session: AsyncSession, object_keys: Collection[str]) -> list[Video]:
    return list(await session.scalars(select(Video).where(col(Video.object_key).in_(object_keys))))


_WITH_OBJECT: Final = (VideoStatus.PROCESSING, VideoStatus.READY)


_IS_LOST: Final[ColumnElement[bool]] = (
    (col(Video.status) == VideoStatus.FAILED)
    & (col(Video.status_code) == OBJECT_MISSING["status_code"])
    & col(Video.etag).is_not(None)
)
"""Its object was verified, and missing later."""


async def list_with_object(session: AsyncSession, after: uuid.UUID, limit: int = 100) -> list[Video]:
    """Return the next videos by ID whose object was verified, also those that failed because it was missing later."""
    rows = select(Video).where(col(Video.id) > after, col(Video.status).in_(_WITH_OBJECT) | _IS_LOST)
    return list(await session.scalars(rows.order_by(col(Video.id)).limit(limit)))


async def bytes_with_object(session: AsyncSession, after: uuid.UUID) -> int:
    """Return the bytes of all videos that `list_with_object` has yet to return."""
    rows = select(func.coalesce(func.sum(col(Video.size_bytes)), 0))
    found = rows.where(col(Video.id) > after, col(Video.status).in_(_WITH_OBJECT) | _IS_LOST)
    return int((await session.execute(found)).scalar_one())


async def bring_back(session: AsyncSession, video: Video, etag: str, now: datetime) -> bool:
    """Return a video that failed because its object was missing to the state before, with the object of this ETag.

    The caller has locked its owner, whose bytes it counts again. Return False if it changed since it was read.
    """
    was_ready = video.ready_at is not None
    return await transition(
        session,
        video.id,
        VideoEvent.OBJECT_PROVEN if was_ready else VideoEvent.UPLOAD_PROVEN,
        _IS_LOST,
        col(Video.etag) == video.etag,
        col(Video.reserved_bytes) == video.reserved_bytes,
        changed_at=now,
        etag=etag,
        status_code=None,
        status_detail=None,
        missing_since=None,
        storage_gone_at=None,
        reserved_bytes=video.size_bytes,
        due_at=None if was_ready else now,
        lease_owner=None,
        lease_until=None,
        attempts=0,
        postponed=0,
    )


async def adopt_object(session: AsyncSession, video: Video, etag: str) -> bool:
    """Let the video's object have this ETag, unless another one was stored since it was read."""
    unchanged = col(Video.status).in_(_WITH_OBJECT), col(Video.etag) == video.etag
    return await change(session, row(video.id), *unchanged, etag=etag, missing_since=None)


async def count_due(session: AsyncSession, statuses: Collection[VideoStatus], now: datetime) -> int:
    """Count the videos in these states that are due, and the removed ones that can no longer be restored."""
    is_due = col(Video.status).in_(statuses) & (col(Video.due_at) <= now)
    statement = select(func.count()).where(is_due | (col(Video.remove_at) <= now))
    return (await session.execute(statement)).scalar_one()


async def count_left(session: AsyncSession, soon: datetime) -> int:
    """Count the uploads that are due until `soon`, and the videos whose bytes must go and are not confirmed gone."""
    is_open = col(Video.status).in_(IN_FLIGHT) & (col(Video.due_at) <= soon)
    must_go = col(Video.status).in_((*HIDDEN, VideoStatus.FAILED)) & col(Video.due_at).is_not(None)
    statement = select(func.count()).where(is_open | (must_go & col(Video.storage_gone_at).is_(None)))
    return (await session.execute(statement)).scalar_one()


async def list_postponed(session: AsyncSession, limit: int) -> list[Video]:
    """Return the videos in `processing` whose probe or scan was prevented, those that have waited longest first."""
    statement = select(Video).where(Video.status == VideoStatus.PROCESSING, col(Video.postponed) > 0)
    return list(await session.scalars(statement.order_by(col(Video.uploaded_at)).limit(limit)))


async def clear_again(session: AsyncSession, video_id: uuid.UUID, due_at: datetime) -> None:
    """Make the removal of a failed video due again, because an object appeared at its key afterwards."""
    await change(session, row(video_id, VideoStatus.FAILED), col(Video.due_at).is_(None), due_at=due_at)


async def claim_due(session: AsyncSession, video: Video, until: datetime) -> bool:
    """Claim a due row for this process. If the process dies, the row is due again at `until`."""
    return await change(session, row(video.id, video.status), col(Video.due_at) == video.due_at, due_at=until)


async def set_due(session: AsyncSession, video_id: uuid.UUID, due_at: datetime) -> None:
    await change(session, row(video_id), due_at=due_at)


async def move_expiry(session: AsyncSession, video_id: uuid.UUID, expires_at: datetime) -> None:
    """Postpone the expiry of an upload that made progress."""
    uploading = row(video_id, VideoStatus.UPLOADING)
    await change(session, uploading, expires_at=expires_at, due_at=expires_at, missing_since=None)


async def recheck_later(
    session: AsyncSession, video: Video, missing_since: datetime, due_at: datetime
) -> None:
    """Schedule the second check for an object before the upload expires, unless its expiry moved."""
    guards = row(video.id, VideoStatus.UPLOADING), expires_at(video.expires_at)
    await change(session, *guards, missing_since=missing_since, due_at=due_at)


async def release_reservation(
    session: AsyncSession, video: Video, gone_at: datetime, due_at: datetime | None
) -> bool:
    """Record that the storage is empty. Return True for the one caller that must release the user's quota.

    The status must be the one that the caller read, because `due_at` depends on it.
    """
    guards = row(video.id, video.status), col(Video.storage_gone_at).is_(None)
    return await change(session, *guards, storage_gone_at=gone_at, reserved_bytes=0, due_at=due_at)


async def finish_failed(session: AsyncSession, video_id: uuid.UUID) -> None:
    """Record that nothing remains to be done for a failed video."""
    await change(session, row(video_id, VideoStatus.FAILED), due_at=None)


async def delete_row(session: AsyncSession, video_id: uuid.UUID, status: VideoStatus) -> bool:
    return await changed_one(session, delete(Video).where(row(video_id, status)))


async def delete_unstarted(session: AsyncSession, video_id: uuid.UUID) -> bool:
    """Delete a row whose multipart upload was never created."""
    unstarted = row(video_id, VideoStatus.UPLOADING), col(Video.upload_id).is_(None)
    return await changed_one(session, delete(Video).where(*unstarted))


async def fill_name_keys(session: AsyncSession, limit: int) -> int:
    """Fill the name keys of rows that processes of the previous version wrote. Return their number."""
    statement = select(Video.id, Video.original_filename).where(IS_WITHOUT_NAME_KEY)
    found = (await session.execute(statement.order_by(col(Video.id)).limit(limit))).all()
    for video_id, name in found:
        await change(session, row(video_id), name_key=name_key(name))
    return len(found)
