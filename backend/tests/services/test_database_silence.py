"""Give up on a database that does not answer, and continue when it recovers."""

import asyncio
import os
import signal
import sqlite3
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.bootstrap import Application
from app.core.db import Database
from app.crud import installation
from app.domain.errors import DatabaseUnavailable
from app.domain.video_list import VideoQuery
from app.models import User
from tests.databases import PostgresDatabases


@pytest.fixture(autouse=True)
def wait_for_the_database() -> None:
    """Keep production's limits, because these tests see what happens at their end."""


@contextmanager
def sqlite_locked(database: Database) -> Iterator[None]:
    """Hold SQLite's write lock, as a long write of another process does."""
    other = sqlite3.connect(database.url.database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@asynccontextmanager
async def postgresql_paused(database: Database) -> AsyncIterator[None]:
    """Stop the server's processes. Its sockets stay open and silent."""
    async with database.reading() as session:
        backend = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    parent = parent_of(backend)
    # The parent stops first, so that it starts no child after they are listed.
    os.kill(parent, signal.SIGSTOP)
    paused = [*children(parent), parent]
    try:
        for pid in paused:
            send_if_alive(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in paused:
            send_if_alive(pid, signal.SIGCONT)


def send_if_alive(pid: int, signal_number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal_number)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


async def the_paused_server_is_given_up_on(application: Application, user: User) -> None:
    async with postgresql_paused(application.database):
        with pytest.raises(DatabaseUnavailable):
            await application.videos.list_page(user.id, VideoQuery(), 20)
        with pytest.raises(DatabaseUnavailable):
            await application.database.check()
    assert (await application.videos.list_page(user.id, VideoQuery(), 20)).items == []


async def waiting_writers_leave_room_for_readers(application: Application, user: User) -> None:
    with sqlite_locked(application.database):
        writers = [
            asyncio.create_task(application.uploads.create(user.id, f"{n}.mp4", 1000, "video/mp4", None))
            for n in range(application.settings.database_pool_size * 2)
        ]
        await asyncio.sleep(0)  # the writers now wait for their slot
        assert (await application.videos.list_page(user.id, VideoQuery(), 20)).items == []
        outcomes = await asyncio.gather(*writers, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {DatabaseUnavailable}
    await application.uploads.create(user.id, "after.mp4", 1000, "video/mp4", None)


async def test_gives_up_on_silent_database_in_time(application: Application, user: User) -> None:
    """Silence SQLite by a write lock and PostgreSQL by stopped processes."""
    if application.database.is_sqlite:
        await waiting_writers_leave_room_for_readers(application, user)
    else:
        await the_paused_server_is_given_up_on(application, user)


async def test_connection_of_a_cancelled_task_holds_no_lock(tmp_path: Path) -> None:
    """Its traceback refers to what the task has not read yet."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'slipway.db'}")
    async with database.engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        unread = await driver.execute("SELECT 1 UNION ALL SELECT 2")
        await connection.invalidate()

    async with database.transaction() as session:
        await session.execute(text("SELECT 1"))
    assert unread
    await database.close()


@pytest.fixture
async def two_apps(postgres: PostgresDatabases) -> AsyncIterator[tuple[Database, Database]]:
    """Connect two apps to one PostgreSQL. SQLite's locks end with their process."""
    url = postgres.new()
    apps = Database(url), Database(url)
    yield apps
    for app in apps:
        await app.close()
    postgres.discard(url)


async def test_rolls_back_transaction_of_vanished_app(
    two_apps: tuple[Database, Database],
) -> None:
    """An app whose host vanished looks to the server like an app that stands still."""
    vanished, other = two_apps
    async with other.transaction() as session:
        await installation.get_or_create(session)

    with pytest.raises(DatabaseUnavailable):
        await claim_and_go_on_only_when(until_claimed(other), vanished)


async def claim_and_go_on_only_when(others: Coroutine[None, None, None], database: Database) -> None:
    async with database.transaction() as session:
        assert await claim_the_sweep(session)
        await others


async def claim_the_sweep(session: AsyncSession) -> bool:
    now = datetime.now(UTC)
    return await installation.claim_sweep(session, uuid.uuid4(), now, timedelta(minutes=2), None)


async def until_claimed(database: Database) -> None:
    """Each attempt waits as long as a request may."""
    for _ in range(10):
        with suppress(DatabaseUnavailable):
            async with database.transaction() as session:
                assert await claim_the_sweep(session)
            return
    raise AssertionError("the row stays locked")


async def test_cancellation_does_not_wait_for_the_database(
    postgres: PostgresDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """psycopg would ask the silent server to cancel and wait up to 10 s."""
    asked = []

    async def ask_to_cancel(_connection: psycopg.AsyncConnection, *, timeout: float = 0) -> None:  # noqa: ASYNC109
        asked.append(timeout)

    monkeypatch.setattr(psycopg.AsyncConnection, "cancel_safe", ask_to_cancel)
    database = Database(postgres.new())
    async with postgresql_paused(database):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5), database.reading() as session:
                await session.execute(text("SELECT 1"))
    await database.close()
    assert asked == []
