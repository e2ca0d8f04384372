"""Query the leases on videos. A lease gives one process the right to work on a row until `lease_until`."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Unpack

from sqlalchemy import ColumnElement, and_, case, exists, or_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from app.crud import videos
from app.crud.guarded import VideoChanges, change, row
from app.domain.video_status import IN_FLIGHT, VideoEvent, VideoStatus
from app.models import Video

_Leased = aliased(Video)
"""Made once, because SQLAlchemy copies every column for an alias, which takes 1.5 ms."""


def held_by(owner: uuid.UUID) -> ColumnElement[bool]:
    """Require that `owner` still holds the lease."""
    return col(Video.lease_owner) == owner


def lease_is_free(now: datetime) -> ColumnElement[bool]:
    """Require that nobody holds the lease or that it has ended."""
    return or_(col(Video.lease_until).is_(None), col(Video.lease_until) <= now)


def lease_of_a_completion() -> ColumnElement[datetime | None]:
    """Return the lease that a deletion keeps. It waits for a completion, which may still assemble the object."""
    return case((col(Video.status) == VideoStatus.COMPLETING, col(Video.lease_until)), else_=None)


async def start_removal(
    session: AsyncSession, video_id: uuid.UUID, now: datetime, *guards: ColumnElement[bool]
) -> bool:
    """Hide the video and make its removal due. Return False if it is gone, being deleted, or a guard does not hold."""
    return await videos.transition(
        session,
        video_id,
        VideoEvent.DELETED,
        *guards,
        changed_at=now,
        due_at=now,
        remove_at=None,
        expires_at=None,
        lease_until=lease_of_a_completion(),
    )


def is_open_upload() -> ColumnElement[bool]:
    """Require that parts or the complete are still expected."""
    return col(Video.status).in_(IN_FLIGHT)


async def settle(
    session: AsyncSession,
    video_id: uuid.UUID,
    event: VideoEvent,
    owner: uuid.UUID,
    *,
    changed_at: datetime,
    metadata: Mapping[str, object] | None = None,
    **changes: Unpack[VideoChanges],
) -> bool:
    """Write the outcome of leased work and end the lease. Return False if `owner` no longer holds it."""
    ended: VideoChanges = {"lease_owner": None, "lease_until": None, "missing_since": None, **changes}
    return await videos.transition(
        session, video_id, event, held_by(owner), changed_at=changed_at, metadata=metadata, **ended
    )


async def take_over_completion(
    session: AsyncSession,
    video_id: uuid.UUID,
    owner: uuid.UUID,
    now: datetime,
    until: datetime,
    **changes: Unpack[VideoChanges],
) -> bool:
    """Lease a completion whose lease has ended. Return False if another process holds it."""
    guards = row(video_id, VideoStatus.COMPLETING), lease_is_free(now)
    lease: VideoChanges = {"lease_owner": owner, "lease_until": until, "due_at": until, **changes}
    return await change(session, *guards, **lease)


async def extend(session: AsyncSession, video_id: uuid.UUID, owner: uuid.UUID, until: datetime) -> bool:
    """Return False if `owner` no longer holds the lease."""
    return await change(session, row(video_id), held_by(owner), lease_until=until, due_at=until)


async def drop(
    session: AsyncSession,
    video_id: uuid.UUID,
    owner: uuid.UUID,
    due_at: datetime,
    missing_since: datetime | None = None,
) -> None:
    """End the lease before its time. The next caller, or the reconciler at `due_at`, continues."""
    await _release(session, owner, row(video_id), due_at=due_at, missing_since=missing_since)


def waits_for_probe(now: datetime) -> ColumnElement[bool]:
    """Require that the probe is due and no worker does it."""
    return and_(col(Video.status) == VideoStatus.PROCESSING, col(Video.due_at) <= now, lease_is_free(now))


async def is_probe_due(session: AsyncSession, now: datetime) -> bool:
    return bool(await session.scalar(select(exists().where(waits_for_probe(now)))))


async def claim_probe(
    session: AsyncSession, owner: uuid.UUID, now: datetime, until: datetime
) -> uuid.UUID | None:
    """Lease the probe that has waited longest, of a user without a leased one if there is any.

    So a user's queue delays the videos of others by one probe at most. Return None if none waits.
    """
    served = select(_Leased.user_id).where(
        col(_Leased.status) == VideoStatus.PROCESSING, col(_Leased.lease_until) > now
    )
    waiting = (
        select(Video.id)
        .where(waits_for_probe(now))
        .order_by(case((col(Video.user_id).in_(served), 1), else_=0), col(Video.due_at))
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


async def extend_probe(session: AsyncSession, video_id: uuid.UUID, owner: uuid.UUID, until: datetime) -> bool:
    """Return False if `owner` no longer holds the lease or the video was deleted."""
    return await change(session, row(video_id, VideoStatus.PROCESSING), held_by(owner), lease_until=until)


async def make_probe_due(session: AsyncSession, video_id: uuid.UUID, now: datetime) -> None:
    await change(session, row(video_id), due_at=now, attempts=0, postponed=0)


async def postpone_probe(
    session: AsyncSession,
    video_id: uuid.UUID,
    owner: uuid.UUID,
    due_at: datetime,
    missing_since: datetime | None,
) -> bool:
    """Return a probe that the store, the database or the scanner prevented. It does not count as an attempt.

    Return False if `owner` no longer holds the lease or the video was deleted.
    """
    return await _release(
        session,
        owner,
        row(video_id, VideoStatus.PROCESSING),
        due_at=due_at,
        missing_since=missing_since,
        attempts=col(Video.attempts) - 1,
        postponed=col(Video.postponed) + 1,
    )


async def return_probe(session: AsyncSession, owner: uuid.UUID, due_at: datetime) -> None:
    """Return the probe of a worker that stops. It does not count as an attempt."""
    processing = col(Video.status) == VideoStatus.PROCESSING
    await _release(session, owner, processing, due_at=due_at, attempts=col(Video.attempts) - 1)


async def _release(
    session: AsyncSession, owner: uuid.UUID, *guards: ColumnElement[bool], **changes: Unpack[VideoChanges]
) -> bool:
    released: VideoChanges = {"lease_owner": None, "lease_until": None, **changes}
    return await change(session, held_by(owner), *guards, **released)
