"""Query the places that users signed in from."""

import uuid
from datetime import datetime

from sqlalchemy import Delete, delete, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.models import KnownPlace


async def is_known(session: AsyncSession, user_id: uuid.UUID, place_hash: str, since: datetime) -> bool:
    """Return whether the user signed in from there after `since`."""
    statement = select(KnownPlace.user_id).where(
        KnownPlace.user_id == user_id, KnownPlace.place_hash == place_hash, col(KnownPlace.seen_at) > since
    )
    return (await session.scalars(statement)).first() is not None


async def remember(session: AsyncSession, user_id: uuid.UUID, place_hash: str, now: datetime) -> None:
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(KnownPlace).values(user_id=user_id, place_hash=place_hash, seen_at=now)
    key = [col(KnownPlace.user_id), col(KnownPlace.place_hash)]
    await session.execute(statement.on_conflict_do_update(index_elements=key, set_={"seen_at": now}))


async def delete_before(session: AsyncSession, then: datetime) -> None:
    old = select(KnownPlace.user_id, KnownPlace.place_hash).where(col(KnownPlace.seen_at) <= then)
    # Without waiting for another transaction that deletes some of them, because two could wait for each other.
    key = tuple_(col(KnownPlace.user_id), col(KnownPlace.place_hash))
    await session.execute(delete(KnownPlace).where(key.in_(old.with_for_update(skip_locked=True))))


async def delete_oldest(session: AsyncSession, user_id: uuid.UUID, keep: int) -> None:
    """Delete the user's places but those that were seen last. The caller has locked the user's row."""
    own = select(KnownPlace.place_hash).where(KnownPlace.user_id == user_id)
    surplus = own.order_by(col(KnownPlace.seen_at).desc()).offset(keep)
    await session.execute(_of(user_id).where(col(KnownPlace.place_hash).in_(surplus)))


async def delete_of(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Forget the addresses that the user signed in from. The caller has locked the user's row."""
    await session.execute(_of(user_id))


def _of(user_id: uuid.UUID) -> Delete:
    return delete(KnownPlace).where(col(KnownPlace.user_id) == user_id)
