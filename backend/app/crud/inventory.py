"""Count videos, bytes and accounts. Of the videos, only indexes and the rows that are due are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.crud.leases import lease_is_free
from app.domain.video_status import IN_FLIGHT, VideoStatus
from app.models import User, Video


@dataclass(frozen=True)
class OfStatus:
    count: int = 0
    oldest_due_at: datetime | None = None
    """Of those that are due and that no process works on."""


@dataclass(frozen=True)
class Counted:
    videos: Mapping[VideoStatus, OfStatus]
    """Of every status."""
    accounts: int
    reserved_bytes: int
    stored_bytes: int
    """Without what open uploads reserve."""


async def count(session: AsyncSession, now: datetime) -> Counted:
    by_status = select(Video.status, func.count()).group_by(col(Video.status))
    counts = dict((await session.execute(by_status)).all())
    # ix_videos_status_due_at finds the rows that are due, if the states are named. A ready video never is.
    not_ready = [status for status in VideoStatus if status is not VideoStatus.READY]
    is_due = col(Video.status).in_(not_ready), col(Video.due_at) <= now, lease_is_free(now)
    due = select(Video.status, func.min(Video.due_at)).where(*is_due).group_by(col(Video.status))
    oldest = dict((await session.execute(due)).all())
    of_users = select(func.count(), func.coalesce(func.sum(User.reserved_bytes), 0)).select_from(User)
    accounts, reserved = (await session.execute(of_users)).one()
    # The videos' sum of all would read every row. Few are in these two states.
    of_open = select(func.coalesce(func.sum(Video.reserved_bytes), 0))
    of_open = of_open.where(col(Video.status).in_(IN_FLIGHT))
    uploading = (await session.execute(of_open)).scalar_one()
    return Counted(
        {status: OfStatus(counts.get(status, 0), oldest.get(status)) for status in VideoStatus},
        accounts,
        int(reserved),
        int(reserved - uploading),
    )
