"""SQLite without the thread of aiosqlite, whose two switches for each statement take half of the crash tests' time.

SQLite's writers come one after the other, and its readers see a snapshot. So it makes no difference what runs during
a statement. Here no task can be cancelled during one. `test_equivalence` compares with processes that keep the thread.
"""

import asyncio
import sqlite3
from collections.abc import Generator
from typing import Any, Self

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


def use_inline_sqlite(engine: AsyncEngine) -> None:
    """Let the engine run each statement in the thread of its event loop. Other tasks run between two statements."""

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect_inline(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
        options["async_creator_fn"] = _InlineConnection


class _InlineConnection:
    """What SQLAlchemy uses of aiosqlite.Connection, `_connection` included."""

    def __init__(self, path: str, **options: Any) -> None:
        self._connection = sqlite3.connect(path, **options)

    def __await__(self) -> Generator[Any, None, Self]:
        yield from ()
        return self

    def cursor(self) -> "_InlineCursor":
        return _InlineCursor(self._connection.cursor())

    async def create_function(self, *arguments: Any, **options: Any) -> None:
        self._connection.create_function(*arguments, **options)

    async def commit(self) -> None:
        self._connection.commit()

    async def rollback(self) -> None:
        self._connection.rollback()

    async def close(self) -> None:
        self._connection.close()

    def stop(self) -> None:
        self._connection.close()


class _InlineCursor:
    """What SQLAlchemy uses of aiosqlite.Cursor."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    async def __aenter__(self) -> Self:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    async def execute(self, *arguments: Any) -> Self:
        await asyncio.sleep(0)
        self._cursor.execute(*arguments)
        return self

    async def executemany(self, *arguments: Any) -> Self:
        await asyncio.sleep(0)
        self._cursor.executemany(*arguments)
        return self

    async def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    async def close(self) -> None:
        self._cursor.close()
