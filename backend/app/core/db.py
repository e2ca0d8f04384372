"""The database: one engine a process, and units of work that each commit at their end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.errors import _WaitTimeout  # private, but what psycopg's own wait raises (psycopg 3.3)
from psycopg.waiting import wait_async
from sqlalchemy import DateTime, Dialect, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.types import TypeDecorator

from app.domain.errors import DatabaseUnavailable

BUSY_TIMEOUT_SECONDS = 3
"""How long each connection, lock, answer or turn to write is waited for: a request must end within 10 s."""
ABANDONED_AFTER_SECONDS = 10
"""A transaction whose app says nothing for so long is rolled back by the server: the app's host is gone, and its locks
would hold up all others until TCP's keepalive notices, which takes two hours. None of ours waits for anything but
the database; migrations, which come by connections of their own, may take their time."""

_POSTGRES_PATIENCE: dict[str, Any] = {
    "connect_timeout": BUSY_TIMEOUT_SECONDS,
    # A peer that went away without a word is noticed within the time a request may take.
    "tcp_user_timeout": BUSY_TIMEOUT_SECONDS * 1000,
    "options": f"-c statement_timeout={BUSY_TIMEOUT_SECONDS}s "
    f"-c idle_in_transaction_session_timeout={ABANDONED_AFTER_SECONDS}s -c timezone=UTC",
}


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes on both databases: SQLite gives naive ones back even for timezone=True."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone does not go into the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class ImpatientConnection(psycopg.AsyncConnection[Any]):
    """Gives up on a server that is there and says nothing: paused, or hanging on its disk.

    No setting of PostgreSQL does: statement_timeout is the server's own clock, tcp_user_timeout sees the kernel's
    acknowledgements, and cancelling asks the same server.
    """

    async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        # psycopg's own signature. Its time limit ends the wait without asking the server for anything; its answer to a
        # cancellation is to ask the server, which took up to 10 s more. Without the connection the server rolls back.
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


class Database:
    """The engine and the two kinds of unit of work."""

    def __init__(self, url: str, pool_size: int = 10) -> None:
        self.url = make_url(url)
        self.engine = create_async_engine(self.url, **_engine_options(self.url, pool_size))
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        # SQLite lets one write, and who waits for its lock asks again at growing intervals: of eight that write all the
        # time one waited 1.8 s. Here they wait in line (0.12 s), and hold no connection meanwhile.
        self._writers = asyncio.Semaphore(1)
        if self.is_sqlite:
            _prepare_sqlite(self.engine.sync_engine)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A unit of work that writes: commits at the end of the block, rolls back on an error.

        Raises DatabaseUnavailable when the database cannot be reached in time.
        """
        async with self._unit(writes=True) as session:
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A unit of work that only reads: it never waits for SQLite's single writer."""
        async with self._unit(writes=False) as session:
            yield session

    @asynccontextmanager
    async def _unit(self, *, writes: bool) -> AsyncIterator[AsyncSession]:
        try:
            async with self._turn(writes), self._sessions() as session, session.begin():
                await session.connection(execution_options={"slipway_writes": writes})
                yield session
        except (OperationalError, InterfaceError, PoolTimeout, OSError) as error:
            raise DatabaseUnavailable from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise DatabaseUnavailable from error
            raise

    @asynccontextmanager
    async def _turn(self, writes: bool) -> AsyncIterator[None]:
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

    def connection_arguments(self) -> dict[str, Any]:
        """What psycopg.connect takes to reach the same PostgreSQL with the same patience; holds the password."""
        _, arguments = self.engine.dialect.create_connect_args(self.url)
        return {**arguments, **_POSTGRES_PATIENCE}

    async def check(self) -> None:
        """One round trip; raises DatabaseUnavailable."""
        try:
            async with asyncio.timeout(BUSY_TIMEOUT_SECONDS), self.reading() as session:
                await session.execute(text("SELECT 1"))
        except TimeoutError as error:
            raise DatabaseUnavailable from error

    async def close(self) -> None:
        await self.engine.dispose()


def _engine_options(url: URL, pool_size: int) -> dict[str, Any]:
    options: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": BUSY_TIMEOUT_SECONDS,
        # A statement's parameters may be an e-mail address or a token's hash; they have no place in a log.
        "hide_parameters": True,
    }
    if url.get_backend_name() == "sqlite":
        return options | {"connect_args": {"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": None}}
    return options | {
        "pool_pre_ping": True,
        "connect_args": {"async_creator_fn": ImpatientConnection.connect, **_POSTGRES_PATIENCE},
    }


def _prepare_sqlite(engine: Any) -> None:
    """WAL, foreign keys, and BEGIN by our own hand."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL: a committed change outlives a power cut, not only a killed process.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        # A transaction that reads first and writes later fails at once with SQLITE_BUSY when another wrote in
        # between; one that takes the write lock at its start waits its turn instead.
        writes = connection.get_execution_options().get("slipway_writes", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
