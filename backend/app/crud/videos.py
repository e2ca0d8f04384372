"""Queries on videos. A status changes only through `transition`: one guarded UPDATE along the state machine."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, delete, func, or_, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.core.metrics import VIDEO_TRANSITIONS
from app.crud.guarded import changed_one
from app.domain.video_status import HIDDEN, IN_FLIGHT, VideoEvent, VideoStatus, next_status, sources_of
from app.models import Video


@dataclass(frozen=True)
class Position:
    """A place in the list, newest first: after the video made then with this id."""

    created_at: datetime
    id: uuid.UUID


async def insert(session: AsyncSession, video: Video) -> None:
    session.add(video)
    await session.flush()


async def get(session: AsyncSession, video_id: uuid.UUID) -> Video | None:
    return await session.get(Video, video_id, populate_existing=True)


async def get_visible(session: AsyncSession, video_id: uuid.UUID, user_id: uuid.UUID) -> Video | None:
    """The video if it is this user's and not on its way out."""
    statement = (
        select(Video)
        .where(Video.id == video_id, Video.user_id == user_id, col(Video.status).not_in(HIDDEN))
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def get_by_idempotency_key(
    session: AsyncSession, user_id: uuid.UUID, idempotency_key: uuid.UUID
) -> Video | None:
    statement = select(Video).where(Video.user_id == user_id, Video.idempotency_key == idempotency_key)
    return (await session.scalars(statement)).one_or_none()


async def list_page(
    session: AsyncSession,
    user_id: uuid.UUID,
    limit: int,
    after: Position | None,
    status: VideoStatus | None,
) -> list[Video]:
    statement = select(Video).where(Video.user_id == user_id, col(Video.status).not_in(HIDDEN))
    if status is not None:
        statement = statement.where(Video.status == status)
    if after is not None:
        place = tuple_(col(Video.created_at), col(Video.id))
        statement = statement.where(place < (after.created_at, after.id))
    statement = statement.order_by(col(Video.created_at).desc(), col(Video.id).desc()).limit(limit)
    return list(await session.scalars(statement))


async def open_upload_ids(session: AsyncSession, user_id: uuid.UUID) -> list[uuid.UUID]:
    statement = select(Video.id).where(Video.user_id == user_id, col(Video.status).in_(IN_FLIGHT))
    return list(await session.scalars(statement.order_by(col(Video.created_at))))


async def save_upload_id(
    session: AsyncSession, video_id: uuid.UUID, upload_id: str, etags_are_md5: bool, expires_at: datetime
) -> None:
    """The row keeps the first multipart upload opened for it; that begins now, however old the row."""
    await session.execute(
        update(Video)
        .where(
            col(Video.id) == video_id,
            col(Video.status) == VideoStatus.UPLOADING,
            col(Video.upload_id).is_(None),
        )
        .values(
            upload_id=upload_id,
            etags_are_md5=etags_are_md5,
            expires_at=expires_at,
            due_at=expires_at,
            missing_since=None,
        )
    )


async def transition(
    session: AsyncSession,
    video_id: uuid.UUID,
    event: VideoEvent,
    *guards: ColumnElement[bool],
    **changes: object,
) -> bool:
    """Moves the video along `event` and writes `changes` with it; False when another change came first."""
    sources = sources_of(event)
    (target,) = {next_status(source, event) for source in sources}
    moved = await changed_one(
        session,
        update(Video)
        .where(col(Video.id) == video_id, col(Video.status).in_(sources), *guards)
        .values(status=target, **changes),
    )
    if moved:
        VIDEO_TRANSITIONS.labels(event=event.value, status=target.value).inc()
    return moved


def held_by(owner: uuid.UUID) -> ColumnElement[bool]:
    """Guard: the lease is still this owner's."""
    return col(Video.lease_owner) == owner


def lease_is_free(now: datetime) -> ColumnElement[bool]:
    """Guard: nobody holds the lease, or its holder is gone."""
    return or_(col(Video.lease_until).is_(None), col(Video.lease_until) <= now)


def expires_at(moment: datetime | None) -> ColumnElement[bool]:
    """Guard: nobody promised another end of this upload meanwhile."""
    return col(Video.expires_at).is_not_distinct_from(moment)


def lease_of_a_completion() -> ColumnElement[datetime | None]:
    """The lease as a deletion keeps it: a completion is waited for (it may still assemble an object), a probe not."""
    return case((col(Video.status) == VideoStatus.COMPLETING, col(Video.lease_until)), else_=None)


async def settle(
    session: AsyncSession, video_id: uuid.UUID, event: VideoEvent, owner: uuid.UUID, **changes: object
) -> bool:
    """The outcome of leased work, which ends the lease; False when `owner` does not hold it any more."""
    return await transition(
        session,
        video_id,
        event,
        held_by(owner),
        lease_owner=None,
        lease_until=None,
        missing_since=None,
        **changes,
    )


async def retake_completion(
    session: AsyncSession,
    video_id: uuid.UUID,
    owner: uuid.UUID,
    now: datetime,
    until: datetime,
    **changes: object,
) -> bool:
    """Takes over a completion whose holder's lease has ended, and writes `changes` with it."""
    return await changed_one(
        session,
        update(Video)
        .where(col(Video.id) == video_id, col(Video.status) == VideoStatus.COMPLETING, lease_is_free(now))
        .values(lease_owner=owner, lease_until=until, due_at=until, **changes),
    )


async def extend_lease(session: AsyncSession, video_id: uuid.UUID, owner: uuid.UUID, until: datetime) -> bool:
    return await changed_one(
        session,
        update(Video)
        .where(col(Video.id) == video_id, held_by(owner))
        .values(lease_until=until, due_at=until),
    )


async def drop_lease(
    session: AsyncSession,
    video_id: uuid.UUID,
    owner: uuid.UUID,
    due_at: datetime,
    missing_since: datetime | None = None,
) -> None:
    """Gives the row free before the lease ends; whoever comes next, or the upkeep at `due_at`, goes on."""
    await session.execute(
        update(Video)
        .where(col(Video.id) == video_id, held_by(owner))
        .values(lease_owner=None, lease_until=None, due_at=due_at, missing_since=missing_since)
    )


def waits_for_probe(now: datetime) -> ColumnElement[bool]:
    """Guard: a probe that is due and that nobody does."""
    return and_(col(Video.status) == VideoStatus.PROCESSING, col(Video.due_at) <= now, lease_is_free(now))


async def claim_probe(
    session: AsyncSession,
    owner: uuid.UUID,
    now: datetime,
    until: datetime,
    video_id: uuid.UUID | None = None,
) -> uuid.UUID | None:
    """The video that has waited longest for its probe (or this one, if it waits), now leased to `owner`."""
    this_one = () if video_id is None else (col(Video.id) == video_id,)
    waiting = (
        select(Video.id)
        .where(waits_for_probe(now), *this_one)
        .order_by(col(Video.due_at))
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    statement = (
        update(Video)
        .where(col(Video.id) == waiting)
        .values(lease_owner=owner, lease_until=until, attempts=col(Video.attempts) + 1)
        .returning(col(Video.id))
        .execution_options(synchronize_session=False)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def make_probe_due(session: AsyncSession, video_id: uuid.UUID, now: datetime) -> None:
    await session.execute(
        update(Video).where(col(Video.id) == video_id).values(due_at=now, attempts=0, postponed=0)
    )


async def postpone_probe(
    session: AsyncSession,
    video_id: uuid.UUID,
    owner: uuid.UUID,
    due_at: datetime,
    missing_since: datetime | None,
) -> None:
    """Hands a probe back that the store or the database prevented: not counted as an attempt."""
    await session.execute(
        update(Video)
        .where(col(Video.id) == video_id, col(Video.status) == VideoStatus.PROCESSING, held_by(owner))
        .values(
            lease_owner=None,
            lease_until=None,
            due_at=due_at,
            missing_since=missing_since,
            attempts=col(Video.attempts) - 1,
            postponed=col(Video.postponed) + 1,
        )
    )


async def hand_back_probe(session: AsyncSession, owner: uuid.UUID, due_at: datetime) -> None:
    """Gives back whatever probe `owner` leased, as if never begun: its process stops, which is nobody's fault."""
    await session.execute(
        update(Video)
        .where(col(Video.status) == VideoStatus.PROCESSING, held_by(owner))
        .values(lease_owner=None, lease_until=None, due_at=due_at, attempts=col(Video.attempts) - 1)
    )


async def list_waiting_probes(
    session: AsyncSession, now: datetime, limit: int, *guards: ColumnElement[bool]
) -> list[uuid.UUID]:
    """Videos whose probe is due and that nobody does, by how long they have waited."""
    statement = select(Video.id).where(waits_for_probe(now), *guards).order_by(col(Video.due_at)).limit(limit)
    return list(await session.scalars(statement))


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


async def list_by_object_keys(session: AsyncSession, object_keys: Collection[str]) -> list[Video]:
    return list(await session.scalars(select(Video).where(col(Video.object_key).in_(object_keys))))


async def count_due(session: AsyncSession, statuses: Collection[VideoStatus], now: datetime) -> int:
    statement = select(func.count()).where(col(Video.status).in_(statuses), col(Video.due_at) <= now)
    return (await session.execute(statement)).scalar_one()


async def clear_again(session: AsyncSession, video_id: uuid.UUID, due_at: datetime) -> None:
    """Hands a failed video to the removal once more: something came to its key after it was cleared."""
    await session.execute(
        update(Video)
        .where(
            col(Video.id) == video_id,
            col(Video.status) == VideoStatus.FAILED,
            col(Video.due_at).is_(None),
        )
        .values(due_at=due_at)
    )


async def claim_due(session: AsyncSession, video: Video, until: datetime) -> bool:
    """True for the one process that does what is due of this row now; should it die, the row is due again then."""
    return await changed_one(
        session,
        update(Video)
        .where(
            col(Video.id) == video.id, col(Video.status) == video.status, col(Video.due_at) == video.due_at
        )
        .values(due_at=until),
    )


async def set_due(session: AsyncSession, video_id: uuid.UUID, due_at: datetime) -> None:
    await session.execute(update(Video).where(col(Video.id) == video_id).values(due_at=due_at))


async def move_expiry(session: AsyncSession, video_id: uuid.UUID, expires_at: datetime) -> None:
    """An upload made progress: it expires later."""
    await session.execute(
        update(Video)
        .where(col(Video.id) == video_id, col(Video.status) == VideoStatus.UPLOADING)
        .values(expires_at=expires_at, due_at=expires_at, missing_since=None)
    )


async def look_again(session: AsyncSession, video: Video, missing_since: datetime, due_at: datetime) -> None:
    """No object was found since then: asked for once more before it expires, if nobody has moved that meanwhile."""
    await session.execute(
        update(Video)
        .where(
            col(Video.id) == video.id,
            col(Video.status) == VideoStatus.UPLOADING,
            expires_at(video.expires_at),
        )
        .values(missing_since=missing_since, due_at=due_at)
    )


async def release_reservation(
    session: AsyncSession, video: Video, gone_at: datetime, due_at: datetime | None
) -> bool:
    """Notes that the storage is gone; True for the one caller who then gives the quota back.

    Only in the state the caller saw: `due_at` is another for a failed video than for one deleted meanwhile.
    """
    return await changed_one(
        session,
        update(Video)
        .where(
            col(Video.id) == video.id,
            col(Video.status) == video.status,
            col(Video.storage_gone_at).is_(None),
        )
        .values(storage_gone_at=gone_at, reserved_bytes=0, due_at=due_at),
    )


async def rest_failed(session: AsyncSession, video_id: uuid.UUID) -> None:
    """Nothing is left to do about a failed video."""
    await session.execute(
        update(Video)
        .where(col(Video.id) == video_id, col(Video.status) == VideoStatus.FAILED)
        .values(due_at=None)
    )


async def delete_row(session: AsyncSession, video_id: uuid.UUID, status: VideoStatus) -> bool:
    return await changed_one(
        session, delete(Video).where(col(Video.id) == video_id, col(Video.status) == status)
    )


async def delete_unstarted(session: AsyncSession, video_id: uuid.UUID) -> bool:
    """Removes a row whose multipart upload never came to be."""
    return await changed_one(
        session,
        delete(Video).where(
            col(Video.id) == video_id,
            col(Video.status) == VideoStatus.UPLOADING,
            col(Video.upload_id).is_(None),
        ),
    )
