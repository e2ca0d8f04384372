"""Query sessions."""

import uuid
from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.models import Session, User


async def insert(session: AsyncSession, row: Session) -> None:
    session.add(row)
    await session.flush()


async def get_with_user(session: AsyncSession, token_hash: str) -> tuple[Session, User] | None:
    statement = (
        select(Session, User)
        .join(User, col(User.id) == col(Session.user_id))
        .where(Session.token_hash == token_hash)
    )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else (row[0], row[1])


async def list_of(session: AsyncSession, user_id: uuid.UUID) -> list[Session]:
    statement = select(Session).where(Session.user_id == user_id).order_by(col(Session.last_seen_at).desc())
    return list(await session.scalars(statement))


async def touch(session: AsyncSession, session_id: uuid.UUID, now: datetime) -> None:
    await session.execute(update(Session).where(col(Session.id) == session_id).values(last_seen_at=now))


async def delete_one(session: AsyncSession, session_id: uuid.UUID, user_id: uuid.UUID) -> bool:
    statement = (
        delete(Session)
        .where(col(Session.id) == session_id, col(Session.user_id) == user_id)
        .returning(col(Session.id))
    )
    return (await session.execute(statement)).first() is not None


async def delete_of(session: AsyncSession, user_id: uuid.UUID, keep: uuid.UUID | None = None) -> None:
    statement = delete(Session).where(col(Session.user_id) == user_id)
    await session.execute(statement if keep is None else statement.where(col(Session.id) != keep))


async def delete_ended(session: AsyncSession, now: datetime, idle_since: datetime) -> None:
    await session.execute(
        delete(Session).where((col(Session.expires_at) <= now) | (col(Session.last_seen_at) <= idle_since))
    )
