"""Hide videos that their owner removed, and bring them back while nothing of them is deleted.

A removed video keeps its state, so what was going on with it goes on. `remove_at` alone says that it is removed, and
when its deletion is due.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.crud import videos
from app.domain.video_status import HIDDEN
from app.models import Video


async def remove(
    session: AsyncSession,
    user_id: uuid.UUID,
    video_ids: Sequence[uuid.UUID],
    now: datetime,
    remove_at: datetime,
) -> list[uuid.UUID]:
    """Return which of these are the user's and now removed. One that already is keeps its time."""
    found = await videos.lock(session, *_own(user_id, video_ids))
    await _set(session, found, now, func.coalesce(col(Video.remove_at), remove_at))
    return found


async def restore(
    session: AsyncSession, user_id: uuid.UUID, video_ids: Sequence[uuid.UUID], now: datetime
) -> list[uuid.UUID]:
    """Return which of these came back."""
    found = await videos.lock(session, *_own(user_id, video_ids), col(Video.remove_at).is_not(None))
    await _set(session, found, now, None)
    return found


async def _set(
    session: AsyncSession,
    video_ids: Sequence[uuid.UUID],
    now: datetime,
    remove_at: ColumnElement[datetime] | None,
) -> None:
    statement = update(Video).where(col(Video.id).in_(video_ids))
    statement = statement.values(remove_at=remove_at, changed_at=now)
    await session.execute(statement, execution_options={"synchronize_session": False})


async def list_shown(
    session: AsyncSession, user_id: uuid.UUID, video_ids: Sequence[uuid.UUID]
) -> list[Video]:
    """Return which of these the user sees, the newest first."""
    statement = select(Video).where(*_own(user_id, video_ids), videos.is_visible())
    return list(await session.scalars(statement.order_by(col(Video.created_at).desc(), col(Video.id).desc())))


async def list_due(session: AsyncSession, now: datetime, limit: int) -> list[Video]:
    """Return removed videos whose deletion is due."""
    statement = select(Video).where(is_due(now)).order_by(col(Video.remove_at)).limit(limit)
    return list(await session.scalars(statement))


def is_due(now: datetime) -> ColumnElement[bool]:
    """Require that the video is removed and that the time for a restore is over."""
    return col(Video.remove_at) <= now


def _own(user_id: uuid.UUID, video_ids: Sequence[uuid.UUID]) -> list[ColumnElement[bool]]:
    return [
        col(Video.id).in_(video_ids),
        col(Video.user_id) == user_id,
        col(Video.status).not_in(HIDDEN),
    ]
