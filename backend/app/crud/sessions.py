"""Query sessions."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, insert, literal, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.crud.guarded import changed_one
from app.crud.users import unchanged
from app.models import Session, User


class EndedSession(NamedTuple):
    """A session whose row was deleted."""

    user_id: uuid.UUID
    token_hash: str


async def insert_if_unchanged(session: AsyncSession, row: Session, user: User) -> bool:
    """Insert a session of an active user whose password hash is still the one that was read. Return whether it was.

    PostgreSQL locks the user's row until the transaction ends, so a user's sign-ins wait for each other. A transaction
    that changes the user first and then deletes the sessions therefore comes before this statement, which then inserts
    nothing, or after it, and then deletes this session too.
    """
    values = {name: literal(value, getattr(Session, name).type) for name, value in row.model_dump().items()}
    source = select(*values.values()).where(unchanged(user)).with_for_update(key_share=True, of=User)
    statement = insert(Session).from_select(list(values), source).returning(col(Session.id))
    return (await session.execute(statement)).first() is not None


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


async def touch(session: AsyncSession, session_id: uuid.UUID, now: datetime, address: str | None) -> None:
    statement = update(Session).where(col(Session.id) == session_id)
    await session.execute(statement.values(last_seen_at=now, address=address))


async def replace_token(session: AsyncSession, session_id: uuid.UUID, token_hash: str) -> bool:
    """Return False if the session has ended."""
    statement = update(Session).where(col(Session.id) == session_id).values(token_hash=token_hash)
    return await changed_one(session, statement)


async def exists(session: AsyncSession, session_id: uuid.UUID) -> bool:
    return (await session.scalars(select(Session.id).where(Session.id == session_id))).first() is not None


async def delete_one(
    session: AsyncSession, session_id: uuid.UUID, user_id: uuid.UUID
) -> Sequence[EndedSession]:
    return await _delete(session, col(Session.id) == session_id, col(Session.user_id) == user_id)


async def delete_by_token(session: AsyncSession, token_hash: str) -> Sequence[EndedSession]:
    return await _delete(session, col(Session.token_hash) == token_hash)


async def delete_of(
    session: AsyncSession, user_id: uuid.UUID, keep: uuid.UUID | None = None
) -> Sequence[EndedSession]:
    others = [] if keep is None else [col(Session.id) != keep]
    return await _delete(session, col(Session.user_id) == user_id, *others)


async def delete_ended(session: AsyncSession, now: datetime, idle_since: datetime) -> None:
    ended = select(Session.id).where(
        (col(Session.expires_at) <= now) | (col(Session.last_seen_at) <= idle_since)
    )
    # Without waiting for another transaction that deletes some of them, because two could wait for each other.
    await _delete(session, col(Session.id).in_(ended.with_for_update(skip_locked=True)))


async def delete_least_used(
    session: AsyncSession, user_id: uuid.UUID, keep: int, newest: uuid.UUID
) -> Sequence[EndedSession]:
    """Delete a user's sessions but `newest` and those that were used last, which together are `keep`."""
    others = select(Session.id).where(Session.user_id == user_id, Session.id != newest)
    by_use = others.order_by(col(Session.last_seen_at).desc(), col(Session.created_at).desc())
    surplus = select(Session.id).where(col(Session.id).in_(by_use.offset(keep - 1)))
    # Without waiting, as above. A row that is locked is being deleted, or was used at this moment.
    return await _delete(session, col(Session.id).in_(surplus.with_for_update(skip_locked=True)))


async def _delete(session: AsyncSession, *guards: ColumnElement[bool]) -> Sequence[EndedSession]:
    statement = delete(Session).where(*guards).returning(col(Session.user_id), col(Session.token_hash))
    rows = await session.execute(statement, execution_options={"synchronize_session": False})
    return [EndedSession(user_id, token_hash) for user_id, token_hash in rows]
