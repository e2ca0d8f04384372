"""Count videos, bytes and accounts. Of the videos, only indexes are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.domain.video_status import IN_FLIGHT, VideoStatus
from app.models import User, Video


@dataclass(frozen=True)
class OfStatus:
    count: int = 0
    oldest_due_at: datetime | None = None


@dataclass(frozen=True)
class Counted:
    videos: Mapping[VideoStatus, OfStatus]
    """Of every status."""
    accounts: int
    reserved_bytes: int
    stored_bytes: int
    """Without what open uploads reserve."""


async def count(session: AsyncSession) -> Counted:
    # ix_videos_status_due_at has both columns.
    by_status = select(Video.status, func.count(), func.min(Video.due_at)).group_by(col(Video.status))
    found = {status: OfStatus(number, due) for status, number, due in await session.execute(by_status)}
    of_users = select(func.count(), func.coalesce(func.sum(User.reserved_bytes), 0)).select_from(User)
    accounts, reserved = (await session.execute(of_users)).one()
    # The videos' sum of all would read every row. Few are in these two states.
    of_open = select(func.coalesce(func.sum(Video.reserved_bytes), 0))
    of_open = of_open.where(col(Video.status).in_(IN_FLIGHT))
    uploading = (await session.execute(of_open)).scalar_one()
    return Counted(
        {status: found.get(status, OfStatus()) for status in VideoStatus},
        accounts,
        int(reserved),
        int(reserved - uploading),
    )
