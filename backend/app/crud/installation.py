"""Query the installation's only row: the database's identity and the sweep's lease. Times are the database's."""

import json
import uuid
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Update, func, or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.crud.guarded import changed_one
from app.domain.sweep_report import Outcome, SweepReport
from app.models import Installation

_ID = 1


async def get(session: AsyncSession) -> Installation | None:
    return await session.get(Installation, _ID, populate_existing=True)


async def get_or_create(session: AsyncSession) -> Installation:
    """Return the row. The first call gives this database a random ID."""
    found = await get(session)
    if found is not None:
        return found
    try:
        async with session.begin_nested():
            session.add(Installation(id=_ID, database_id=uuid.uuid4()))
    except IntegrityError:
        pass  # Another process inserted it first.
    return (await session.scalars(select(Installation))).one()


async def lock(session: AsyncSession) -> None:
    """Make other transactions that call this wait until this one ends, so that a limit over all rows is exact.

    A transaction that also locks a user's row does that first, so that two never wait for each other.
    """
    await get_or_create(session)
    await session.execute(select(Installation.id).where(col(Installation.id) == _ID).with_for_update())


async def database_time(session: AsyncSession, own: datetime) -> datetime:
    """Return the time that all processes share. SQLite has no clock, and all its processes are on one machine."""
    if session.get_bind().dialect.name == "sqlite":
        return own
    now: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return now


async def record_bucket_marked(session: AsyncSession, now: datetime) -> None:
    """Record that this database has a bucket. From now on a bucket without its marker is a wrong one."""
    await session.execute(
        update(Installation)
        .where(col(Installation.id) == _ID, col(Installation.bucket_marked_at).is_(None))
        .values(bucket_marked_at=now)
    )


async def claim_sweep(
    session: AsyncSession, owner: uuid.UUID, now: datetime, lease: timedelta, due_after: timedelta | None
) -> bool:
    """Give `owner` the sweep's lease if it is free and the last sweep both began and ended `due_after` ago.

    Its end counts because a sweep may take longer than the interval, and an operator's would never get the lease. None
    ignores the last sweep, whose times may be in the future after a clock was set back.
    """
    due: list[ColumnElement[bool]] = []
    if due_after is not None:
        last = (Installation.sweep_began_at, Installation.sweep_ended_at)
        due = [_is_past(moment, now - due_after) for moment in last]
    claim = update(Installation).where(
        col(Installation.id) == _ID, _is_past(Installation.sweep_lease_until, now), *due
    )
    return await changed_one(
        session, claim.values(sweep_owner=owner, sweep_lease_until=now + lease, sweep_began_at=now)
    )


async def extend_sweep(session: AsyncSession, owner: uuid.UUID, until: datetime) -> bool:
    return await changed_one(session, _owned_by(owner).values(sweep_lease_until=until))


async def finish_sweep(
    session: AsyncSession, owner: uuid.UUID, now: datetime, report: SweepReport | None
) -> bool:
    """Release the lease and save the report, if there is one. Return False if `owner` no longer holds the lease."""
    finish = _owned_by(owner).values(sweep_owner=None, sweep_lease_until=None, sweep_ended_at=now)
    if report:
        finish = finish.values(sweep_report=json.dumps(asdict(report)))
    if report and report.outcome is Outcome.DONE:
        finish = finish.values(sweep_done_at=now)
    return await changed_one(session, finish)


def _owned_by(owner: uuid.UUID) -> Update:
    return update(Installation).where(col(Installation.id) == _ID, col(Installation.sweep_owner) == owner)


def _is_past(moment: Any, now: datetime) -> ColumnElement[bool]:
    return or_(col(moment).is_(None), col(moment) <= now)
