"""Query users and their quota."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, Update, delete, exists, func, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.crud.guarded import changed_one
from app.crud.videos import is_visible
from app.domain.errors import EmailTaken
from app.domain.video_status import IN_FLIGHT
from app.models import User, Video


@dataclass(frozen=True)
class Usage:
    """A user and how many videos it has."""

    user: User
    videos: int
    open_uploads: int
    """Of the videos."""
    being_removed: int
    """Not of the videos, as their owner no longer sees them."""


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


def unchanged(user: User) -> ColumnElement[bool]:
    """Require that the account is active and its password is the one that the caller verified on `user`."""
    this = col(User.id) == user.id
    return this & (col(User.password_hash) == user.password_hash) & col(User.is_active)


async def lock_unchanged(session: AsyncSession, user: User) -> bool:
    """Lock the user's row until the transaction ends. Return False if the account changed."""
    statement = select(User.id).where(unchanged(user)).with_for_update(key_share=True)
    return (await session.scalars(statement)).first() is not None


async def lock(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Let no upload of the user begin until the transaction ends. Call it before the transaction locks a video."""
    await session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


async def set_password_hash(session: AsyncSession, user_id: uuid.UUID, password_hash: str) -> None:
    await session.execute(update(User).where(col(User.id) == user_id).values(password_hash=password_hash))


async def set_full_name(session: AsyncSession, user_id: uuid.UUID, full_name: str | None) -> None:
    await session.execute(update(User).where(col(User.id) == user_id).values(full_name=full_name))


async def set_active(session: AsyncSession, user_id: uuid.UUID, is_active: bool) -> bool:
    """Lock the row too, so that no upload begins until the transaction ends. Return False if it is being deleted."""
    return await changed_one(session, _kept(user_id).values(is_active=is_active))


async def set_quota(session: AsyncSession, user_id: uuid.UUID, quota_bytes: int | None) -> bool:
    """Return False if the account is being deleted."""
    return await changed_one(session, _kept(user_id).values(quota_bytes=quota_bytes))


def _kept(user_id: uuid.UUID) -> Update:
    return update(User).where(col(User.id) == user_id, col(User.deleted_at).is_(None))


async def start_deletion(session: AsyncSession, user_id: uuid.UUID, now: datetime) -> bool:
    """Disable the account for good. Return False if it is gone. Repeating this does no harm."""
    values = {"is_active": False, "deleted_at": func.coalesce(User.deleted_at, now)}
    return await changed_one(session, update(User).where(col(User.id) == user_id).values(**values))


async def list_deleted(session: AsyncSession) -> list[uuid.UUID]:
    """Return the accounts whose deletion has started and not ended."""
    return list(await session.scalars(select(User.id).where(col(User.deleted_at).is_not(None))))


async def finish_deletion(session: AsyncSession, user_id: uuid.UUID) -> bool:
    """Delete the row of a deleted account that has no video left. Its sessions go with it."""
    has_video = exists().where(col(Video.user_id) == col(User.id))
    deleted = col(User.id) == user_id, col(User.deleted_at).is_not(None), ~has_video
    return await changed_one(session, delete(User).where(*deleted))


async def list_usage(session: AsyncSession) -> list[Usage]:
    """Return all users, the oldest first."""
    rows = await session.execute(_usage().order_by(col(User.created_at), col(User.email_key)))
    return [Usage(*row) for row in rows]


async def get_usage(session: AsyncSession, user_id: uuid.UUID) -> Usage | None:
    row = (await session.execute(_usage().where(col(User.id) == user_id))).one_or_none()
    return Usage(*row) if row else None


def _usage() -> Select[User, int, int, int]:
    is_open = col(Video.status).in_(IN_FLIGHT) & col(Video.remove_at).is_(None)
    counts = [func.count(col(Video.id)).filter(within) for within in (is_visible(), is_open, ~is_visible())]
    statement = select(User, counts[0], counts[1], counts[2])
    return statement.outerjoin(Video, col(Video.user_id) == col(User.id)).group_by(col(User.id))


async def count_all(session: AsyncSession) -> int:
    """Count the accounts, disabled ones and those that are being deleted included."""
    return (await session.execute(select(func.count()).select_from(User))).scalar_one()


async def total_reserved_bytes(session: AsyncSession) -> int:
    """Return the sum over all users."""
    total = func.coalesce(func.sum(User.reserved_bytes), 0)
    return int((await session.execute(select(total))).scalar_one())


async def reserve_bytes(session: AsyncSession, user_id: uuid.UUID, count: int, usual_quota: int) -> bool:
    """Reserve `count` bytes. Return False if they exceed the quota, or if the account is disabled or gone.

    `usual_quota` is for users without a quota of their own. The UPDATE also locks the user's row until the transaction
    ends, so that the account can't be disabled in between.
    """
    quota = func.coalesce(User.quota_bytes, usual_quota)
    return await changed_one(
        session,
        update(User)
        .where(col(User.id) == user_id, col(User.is_active), col(User.reserved_bytes) + count <= quota)
        .values(reserved_bytes=col(User.reserved_bytes) + count),
    )


async def take_bytes(session: AsyncSession, user_id: uuid.UUID, count: int) -> None:
    """Reserve bytes that are in the store already, whatever the quota."""
    await release_bytes(session, user_id, -count)


async def release_bytes(session: AsyncSession, user_id: uuid.UUID, count: int) -> None:
    await session.execute(
        update(User).where(col(User.id) == user_id).values(reserved_bytes=col(User.reserved_bytes) - count)
    )
