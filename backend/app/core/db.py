"""One engine for each process, and units of work that commit at their end."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg
from psycopg.errors import _WaitTimeout  # private, but what psycopg's own wait raises (psycopg 3.3)
from psycopg.waiting import wait_async
from sqlalchemy import DateTime, Dialect, event, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.types import TypeDecorator

from app.core import pooler, statement_times
from app.domain.errors import DatabaseUnavailable

BUSY_TIMEOUT_SECONDS = 3
"""Longest wait for a connection, a lock, an answer or SQLite's writer. A request must end within 10 s."""
ABANDONED_AFTER_SECONDS = 10
"""PostgreSQL rolls back a transaction that was idle for so long, because its client has died. TCP's keepalive would
notice after two hours and the locks would remain. Our transactions wait for nothing but the database."""


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes on both databases. SQLite returns naive ones even for timezone=True."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the database accepts no datetime without a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class TimeLimitedConnection(psycopg.AsyncConnection[Any]):
    """Closes the connection if the server doesn't answer in time, because it is paused or its disk hangs.

    No setting of PostgreSQL covers this. The server itself measures statement_timeout, its kernel acknowledges packets
    for tcp_user_timeout, and cancelling needs the same server.
    """

    async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        # If cancelled, psycopg would ask the server to cancel the statement, which took up to 10 s more. The server
        # also rolls back when the connection closes.
        try:
            return await wait_async(
                gen, self.pgconn.socket, interval=interval, timeout=timeout or BUSY_TIMEOUT_SECONDS
            )
        except _WaitTimeout as error:
            self.pgconn.finish()
            raise psycopg.OperationalError("the server does not answer") from error
        except asyncio.CancelledError:
            self.pgconn.finish()
            raise


class LockFreeWhenClosed(sqlite3.Connection):
    """Ends its transaction when it closes.

    SQLite keeps a closed connection, with the lock of its transaction, while a statement that was not read to its end
    refers to it (sqlite3_close_v2). The traceback of a cancelled task refers to one until Python's garbage collection.
    """

    def close(self) -> None:
        try:
            with suppress(sqlite3.ProgrammingError):  # It is closed already.
                self.rollback()
        finally:
            super().close()


class Database:
    """The engine, and units of work that read or write."""

    def __init__(self, url: str, pool_size: int = 10) -> None:
        self.url = make_url(url)
        self.engine = create_async_engine(self.url, **_engine_options(self.url, pool_size))
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        # SQLite allows one writer, and others poll its lock at growing intervals. Of eight constant writers one waited
        # 1.8 s. In this queue it waited 0.12 s, without a connection.
        self._writers = asyncio.Semaphore(1)
        statement_times.measure(self.engine.sync_engine)
        if self.is_sqlite:
            _prepare_sqlite(self.engine.sync_engine)
        else:
            pooler.use_settings(self.engine.sync_engine, _settings())
            event.listen(self.engine.sync_engine, "handle_error", _leave_read_only_server)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Commit at the end of the block, roll back on an error. Raise DatabaseUnavailable after a timeout."""
        return self._unit(writes=True)

    def reading(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Read only, without waiting for SQLite's writer. Raise DatabaseUnavailable after a timeout."""
        return self._unit(writes=False)

    @asynccontextmanager
    async def _unit(self, *, writes: bool) -> AsyncIterator[AsyncSession]:
        try:
            async with self._writer_slot(writes), self._sessions() as session, session.begin():
                await session.connection(execution_options={"slipway_writes": writes})
                yield session
        except (OperationalError, InterfaceError, PoolTimeout, OSError) as error:
            raise DatabaseUnavailable from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise DatabaseUnavailable from error
            raise

    @asynccontextmanager
    async def _writer_slot(self, writes: bool) -> AsyncIterator[None]:
        if not (writes and self.is_sqlite):
            yield
            return
        try:
            async with asyncio.timeout(BUSY_TIMEOUT_SECONDS):
                await self._writers.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable from error
        try:
            yield
        finally:
            self._writers.release()

    async def check(self) -> None:
        """Raise DatabaseUnavailable if the database doesn't answer, or takes no changes."""
        question = "SELECT 'off'" if self.is_sqlite else "SHOW transaction_read_only"
        try:
            async with asyncio.timeout(BUSY_TIMEOUT_SECONDS), self.reading() as session:
                if await session.scalar(text(question)) != "off":
                    await session.invalidate()
                    raise DatabaseUnavailable from ConnectionError("the server takes no changes")
        except TimeoutError as error:
            raise DatabaseUnavailable from error

    async def close(self) -> None:
        await self.engine.dispose()


def _engine_options(url: URL, pool_size: int) -> dict[str, Any]:
    options: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": BUSY_TIMEOUT_SECONDS,
        # Parameters contain e-mail addresses and tokens' hashes, which don't belong in a log.
        "hide_parameters": True,
    }
    if url.get_backend_name() == "sqlite":
        own = {"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": None, "factory": LockFreeWhenClosed}
        return options | {"connect_args": own}
    return options | {
        "pool_pre_ping": True,
        "connect_args": {
            "async_creator_fn": partial(pooler.connect, TimeLimitedConnection, settings=_settings()),
            "connect_timeout": BUSY_TIMEOUT_SECONDS,
            # For a server that is gone without closing its connections.
            "tcp_user_timeout": BUSY_TIMEOUT_SECONDS * 1000,
        },
    }


def _leave_read_only_server(context: ExceptionContext) -> None:
    """Connect anew after a change that was refused, because another server may be the primary now.

    PostgreSQL refuses changes after a failover, and some providers let it do so when the disk is full. psycopg has an
    InternalError for that.
    """
    if isinstance(context.original_exception, psycopg.errors.ReadOnlySqlTransaction):
        context.is_disconnect = True


def _settings() -> dict[str, str]:
    """Return settings of PostgreSQL for all our transactions."""
    return {
        "statement_timeout": f"{BUSY_TIMEOUT_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{ABANDONED_AFTER_SECONDS}s",
        "timezone": "UTC",
    }


def _prepare_sqlite(engine: Any) -> None:
    """Set WAL and foreign keys, and send BEGIN ourselves."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL keeps a committed change also through a power failure.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        # If another connection wrote in between, a transaction that reads before it writes fails with SQLITE_BUSY. With
        # IMMEDIATE it waits for the write lock at its start.
        writes = connection.get_execution_options().get("slipway_writes", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
