"""List a user's videos. Each statement reads a bounded number of rows, but for a rare part of a name.

That one reads all names of the user from one index. `USER_MAX_VIDEOS` bounds them.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import col, select

from app.domain.video_list import MAX_COUNT, ORDERS, Order, VideoQuery
from app.domain.video_status import VideoStatus
from app.models import Video


class _position(FunctionElement[int]):
    """Return where a text begins in another one, from 1, or 0.

    LIKE tries the whole pattern at each place. For 10,000 names such as "aaa...a" and a part such as "aa...ab" it took
    9 s on SQLite, and this 0.03 s. PostgreSQL took 4 s, and needs 2 s with this at worst.
    """

    inherit_cache = True


@compiles(_position)
def _strpos(element: _position, compiler: SQLCompiler, **how: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **how)})"


@compiles(_position, "sqlite")
def _instr(element: _position, compiler: SQLCompiler, **how: Any) -> str:
    return f"instr({compiler.process(element.clauses, **how)})"


@dataclass(frozen=True)
class Position:
    """A place in a list, after the video with this value in the order's column and this ID."""

    value: datetime | str | int | None
    id: uuid.UUID


async def count(session: AsyncSession, user_id: uuid.UUID, query: VideoQuery) -> int:
    """Count the matching videos up to MAX_COUNT + 1."""
    found = select(literal_column("1")).where(*_matches(user_id, query)).limit(MAX_COUNT + 1).subquery()
    return (await session.execute(select(func.count()).select_from(found))).scalar_one()


async def list_page(
    session: AsyncSession,
    user_id: uuid.UUID,
    query: VideoQuery,
    after: Position | None,
    limit: int,
    *,
    few: bool,
) -> list[Video]:
    """Return up to `limit` videos after the position.

    `few` says that at most MAX_COUNT videos match. They are then found first and sorted. Otherwise the index of the
    order is read until enough match, which is soon because many do.
    """
    order = ORDERS[query.sort]
    matching = select(Video).where(*_found_first(user_id, query) if few else _ordered(user_id, query))
    found: list[Video] = []
    for part in _parts(order, after):
        statement = _sorted(matching.where(*part), order).limit(limit - len(found))
        found += await session.scalars(statement.execution_options(populate_existing=True))
        if len(found) == limit:
            break
    return found


def _matches(user_id: uuid.UUID, query: VideoQuery) -> list[ColumnElement[bool]]:
    if query.name_part:
        # Without a comparison of the status that an index could find, SQLite reads the index of the names, which has
        # every column named here.
        return _ordered(user_id, query)
    return [_is_of(user_id), _is_kept(), col(Video.status).in_(sorted(query.statuses))]


def _ordered(user_id: uuid.UUID, query: VideoQuery) -> list[ColumnElement[bool]]:
    """Return conditions that leave no index to the database but those of the order and the name."""
    others = sorted(frozenset(VideoStatus) - query.statuses)
    conditions = [_is_of(user_id), _is_kept(), col(Video.status).not_in(others)]
    if query.name_part:
        conditions.append(_position(col(Video.name_key), query.name_part) > 0)
    return conditions


def _found_first(user_id: uuid.UUID, query: VideoQuery) -> list[ColumnElement[bool]]:
    """Return one condition on the ID, so that the database can't read an index of the order instead."""
    found = select(Video.id).where(*_matches(user_id, query)).limit(MAX_COUNT).subquery()
    return [col(Video.id).in_(select(found.c.id))]


def _is_of(user_id: uuid.UUID) -> ColumnElement[bool]:
    return col(Video.user_id) == user_id


def _is_kept() -> ColumnElement[bool]:
    return col(Video.remove_at).is_(None)


def _parts(order: Order, after: Position | None) -> list[list[ColumnElement[bool]]]:
    """Return the conditions of the parts of the list that follow the position, the known values before the unknown."""
    column: Any = col(getattr(Video, order.column))
    video_id = col(Video.id)
    if after is not None and after.value is None:
        return [[column.is_(None), video_id < after.id if order.descending else video_id > after.id]]
    known: list[ColumnElement[bool]] = [column.is_not(None)] if order.may_be_unknown else []
    if after is not None:
        place, start = tuple_(column, video_id), (after.value, after.id)
        known.append(place < start if order.descending else place > start)
    return [known, [column.is_(None)]] if order.may_be_unknown else [known]


def _sorted(statement: Select[Video], order: Order) -> Select[Video]:
    columns = col(getattr(Video, order.column)), col(Video.id)
    return statement.order_by(*(column.desc() if order.descending else column.asc() for column in columns))
