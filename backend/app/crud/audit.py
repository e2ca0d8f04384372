"""Query the ready videos that the audit checks, and those whose object it found lost, missing or replaced."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Update, func, literal, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.core.db import UtcDateTime
from app.domain.video_status import VideoStatus
from app.models import Video

ROWS_PER_PAGE = 5_000


async def count_ready(session: AsyncSession) -> int:
    statement = select(func.count()).where(col(Video.status) == VideoStatus.READY)
    return (await session.execute(statement)).scalar_one()


async def list_due(session: AsyncSession, now: datetime, limit: int) -> list[Video]:
    """Return the ready videos that were never checked, then those that have been due for longest."""
    # Each query reads an index in order. As one query PostgreSQL sorts all due rows. With millions of videos that
    # exceeds the statement's time limit, and no sweep would finish.
    due_at = col(Video.audit_due_at)
    ready = select(Video).where(Video.status == VideoStatus.READY)
    never_checked = list(await session.scalars(ready.where(due_at.is_(None)).limit(limit)))
    due = ready.where(due_at <= now).order_by(due_at).limit(limit - len(never_checked))
    return [*never_checked, *await session.scalars(due)]


async def list_lost(session: AsyncSession, after: uuid.UUID) -> tuple[list[Video], uuid.UUID | None]:
    """Return the lost videos among the next rows, and where the rows after them begin.

    No index has them, and one query over millions of rows would exceed the statement's time limit.
    """
    video_id = col(Video.id)
    rows = select(Video.id).where(video_id > after).order_by(video_id)
    last = await session.scalar(rows.offset(ROWS_PER_PAGE - 1).limit(1))
    lost = select(Video).where(video_id > after, Video.status == VideoStatus.READY)
    lost = lost.where(col(Video.missing_since).is_not(None), *(() if last is None else (video_id <= last,)))
    return list(await session.scalars(lost)), last


async def record_present(session: AsyncSession, video_ids: Sequence[uuid.UUID], due_at: datetime) -> None:
    await session.execute(_ready(video_ids).values(audit_due_at=due_at, missing_since=None))


async def record_lost(
    session: AsyncSession, video_ids: Sequence[uuid.UUID], due_at: datetime, now: datetime
) -> None:
    """Keep the time of the first check that found them lost."""
    since = func.coalesce(col(Video.missing_since), literal(now, UtcDateTime()))
    await session.execute(_ready(video_ids).values(audit_due_at=due_at, missing_since=since))


async def postpone(session: AsyncSession, video_ids: Sequence[uuid.UUID], due_at: datetime) -> None:
    await session.execute(_ready(video_ids).values(audit_due_at=due_at))


def _ready(video_ids: Sequence[uuid.UUID]) -> Update:
    return (
        update(Video)
        .where(col(Video.id).in_(video_ids), col(Video.status) == VideoStatus.READY)
        .execution_options(synchronize_session=False)
    )
