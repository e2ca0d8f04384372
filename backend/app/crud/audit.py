"""Query the ready videos that the audit checks, and what it found."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Update, func, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

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


async def list_found(session: AsyncSession, video_ids: Collection[uuid.UUID]) -> list[Video]:
    """Return those of the videos that are ready and still recorded as missing or replaced."""
    found = col(Video.missing_since).is_not(None)
    statement = select(Video).where(
        col(Video.id).in_(video_ids), col(Video.status) == VideoStatus.READY, found
    )
    return list(await session.scalars(statement))


async def list_found_ids(session: AsyncSession, after: uuid.UUID) -> tuple[list[uuid.UUID], uuid.UUID | None]:
    """Return the next ready videos recorded as missing or replaced, by ID, and where the next page begins.

    No index has them, and one query over millions of rows would exceed the statement's time limit.
    """
    statement = select(Video.id, Video.status, Video.missing_since).where(col(Video.id) > after)
    page = (await session.execute(statement.order_by(col(Video.id)).limit(ROWS_PER_PAGE))).all()
    found = [row.id for row in page if row.status is VideoStatus.READY and row.missing_since is not None]
    return found, page[-1].id if page else None


async def record_present(session: AsyncSession, video_ids: Sequence[uuid.UUID], due_at: datetime) -> None:
    """Forget what earlier checks found."""
    await session.execute(_ready(video_ids).values(audit_due_at=due_at, missing_since=None))


async def record_missing(
    session: AsyncSession, video_ids: Sequence[uuid.UUID], due_at: datetime, missing_since: datetime
) -> None:
    await session.execute(_ready(video_ids).values(audit_due_at=due_at, missing_since=missing_since))


async def postpone(session: AsyncSession, video_ids: Sequence[uuid.UUID], due_at: datetime) -> None:
    """Keep what earlier checks found."""
    await session.execute(_ready(video_ids).values(audit_due_at=due_at))


def _ready(video_ids: Sequence[uuid.UUID]) -> Update:
    return (
        update(Video)
        .where(col(Video.id).in_(video_ids), col(Video.status) == VideoStatus.READY)
        .execution_options(synchronize_session=False)
    )
