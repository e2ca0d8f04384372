"""Query the counters of limits on PostgreSQL."""

from datetime import datetime, timedelta

from sqlalchemy import case, delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.models import LimitCounter


async def hit(session: AsyncSession, key: str, now: datetime, seconds: int) -> int:
    """Add one, or begin a new window, and return the sum."""
    until = now + timedelta(seconds=seconds)
    has_ended = col(LimitCounter.ends_at) <= now
    statement = (
        insert(LimitCounter)
        .values(key=key, hits=1, ends_at=until)
        .on_conflict_do_update(
            index_elements=[col(LimitCounter.key)],
            set_={
                "hits": case((has_ended, 1), else_=col(LimitCounter.hits) + 1),
                "ends_at": case((has_ended, until), else_=col(LimitCounter.ends_at)),
            },
        )
        .returning(col(LimitCounter.hits))
    )
    hits: int = (await session.execute(statement)).scalar_one()
    return hits


async def get(session: AsyncSession, key: str, now: datetime) -> LimitCounter | None:
    """Return the counter, or None if its window has ended."""
    statement = select(LimitCounter).where(LimitCounter.key == key, col(LimitCounter.ends_at) > now)
    return (await session.scalars(statement)).one_or_none()


async def delete_one(session: AsyncSession, key: str) -> None:
    await session.execute(delete(LimitCounter).where(col(LimitCounter.key) == key))


async def delete_ended(session: AsyncSession, now: datetime) -> None:
    ended = select(LimitCounter.key).where(col(LimitCounter.ends_at) <= now)
    # Without waiting for another process that deletes some of them, because two could wait for each other.
    ended = ended.with_for_update(skip_locked=True)
    await session.execute(delete(LimitCounter).where(col(LimitCounter.key).in_(ended)))
