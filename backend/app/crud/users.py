"""Query users and their quota."""

import uuid

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.crud.guarded import changed_one
from app.domain.errors import EmailTaken
from app.models import User


async def insert(session: AsyncSession, user: User) -> None:
    """Raise EmailTaken."""
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise EmailTaken from error


async def get(session: AsyncSession, user_id: uuid.UUID) -> User | None:
    return await session.get(User, user_id)


async def get_by_email_key(session: AsyncSession, email_key: str) -> User | None:
    if "\0" in email_key:
        return None  # PostgreSQL refuses NUL in text
    return (await session.scalars(select(User).where(User.email_key == email_key))).one_or_none()


async def set_password_hash(session: AsyncSession, user_id: uuid.UUID, password_hash: str) -> None:
    await session.execute(update(User).where(col(User.id) == user_id).values(password_hash=password_hash))


async def set_full_name(session: AsyncSession, user_id: uuid.UUID, full_name: str | None) -> None:
    await session.execute(update(User).where(col(User.id) == user_id).values(full_name=full_name))


async def disable(session: AsyncSession, user_id: uuid.UUID) -> None:
    await session.execute(update(User).where(col(User.id) == user_id).values(is_active=False))


async def reserve_bytes(session: AsyncSession, user_id: uuid.UUID, count: int, quota_bytes: int) -> bool:
    """Reserve `count` bytes. Return False if they exceed the quota.

    The UPDATE also locks the user's row until the transaction ends.
    """
    return await changed_one(
        session,
        update(User)
        .where(col(User.id) == user_id, col(User.reserved_bytes) + count <= quota_bytes)
        .values(reserved_bytes=col(User.reserved_bytes) + count),
    )


async def release_bytes(session: AsyncSession, user_id: uuid.UUID, count: int) -> None:
    await session.execute(
        update(User).where(col(User.id) == user_id).values(reserved_bytes=col(User.reserved_bytes) - count)
    )
