"""Queries on the one row that says which database this is and who sweeps. Its times are the database's own clock's."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Update, func, or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.crud.guarded import changed_one
from app.domain.audit_losses import with_one_more
from app.models import Installation

_ONLY = 1


async def get(session: AsyncSession) -> Installation | None:
    return await session.get(Installation, _ONLY, populate_existing=True)


async def get_or_create(session: AsyncSession) -> Installation:
    """The row; at first use a random name is given to this database."""
    found = await get(session)
    if found is not None:
        return found
    try:
        async with session.begin_nested():
            session.add(Installation(id=_ONLY, database_id=uuid.uuid4()))
    except IntegrityError:
        pass  # another process was faster, and gave it its name
    return (await session.scalars(select(Installation))).one()


async def database_time(session: AsyncSession, ours: datetime) -> datetime:
    """The clock that all processes share. SQLite has none of its own, and no process on another machine."""
    if session.get_bind().dialect.name == "sqlite":
        return ours
    told: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return told


async def note_bucket_marked(session: AsyncSession, now: datetime) -> None:
    """Once: this database has a bucket, and from now on knows any other for a wrong one."""
    await session.execute(
        update(Installation)
        .where(col(Installation.id) == _ONLY, col(Installation.bucket_marked_at).is_(None))
        .values(bucket_marked_at=now)
    )


async def claim_sweep(
    session: AsyncSession, owner: uuid.UUID, now: datetime, lease: timedelta, due_after: timedelta | None
) -> bool:
    """True for the one sweep that runs now: no other holds the lease, and the last began and ended `due_after` ago.

    Ended too: where a pass takes longer than that, one would follow the other, and no operator's had its turn.
    None: whenever the last one was, were it later than now (a clock was set back).
    """
    turn: list[ColumnElement[bool]] = []
    if due_after is not None:
        last = (Installation.sweep_began_at, Installation.sweep_ended_at)
        turn = [_over(moment, now - due_after) for moment in last]
    return await changed_one(
        session,
        update(Installation)
        .where(
            col(Installation.id) == _ONLY,
            _over(Installation.sweep_lease_until, now),
            *turn,
        )
        .values(sweep_owner=owner, sweep_lease_until=now + lease, sweep_began_at=now),
    )


async def extend_sweep(session: AsyncSession, owner: uuid.UUID, until: datetime) -> bool:
    return await changed_one(session, _held(owner).values(sweep_lease_until=until))


async def finish_sweep(session: AsyncSession, owner: uuid.UUID, now: datetime, **results: object) -> bool:
    """Ends the lease and writes what came of it."""
    ended = _held(owner).values(sweep_owner=None, sweep_lease_until=None, sweep_ended_at=now, **results)
    return await changed_one(session, ended)


async def note_loss(session: AsyncSession, now: datetime) -> None:
    """The audit has failed a video, for a sweep that holds the lease: nobody else writes here."""
    row = await get(session)
    losses = with_one_more(row.audit_losses or {} if row else {}, now)
    await session.execute(
        update(Installation).where(col(Installation.id) == _ONLY).values(audit_losses=losses)
    )


def _held(owner: uuid.UUID) -> Update:
    return update(Installation).where(col(Installation.id) == _ONLY, col(Installation.sweep_owner) == owner)


def _over(moment: Any, now: datetime) -> ColumnElement[bool]:
    return or_(col(moment).is_(None), col(moment) <= now)
