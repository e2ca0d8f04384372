"""PostgreSQL behind PgBouncer, which gives each transaction another of two server sessions."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from app.bootstrap import Application
from app.core import schema
from app.core.db import Database
from app.core.pooler import is_pooled
from tests.api.shapes import API
from tests.conftest import SignedIn, Upload
from tests.databases import Databases
from tests.engines.pgbouncer import SERVERS, PgBouncer

CLIENTS = SERVERS * 4
REPEATED = 12
"""More often than psycopg executes a statement before it prepares it."""


@pytest.fixture(params=[False, True], ids=["refuses options", "ignores options"])
def database_url(databases: Databases, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database that was migrated through PgBouncer."""
    direct = databases.new_without_schema()
    with PgBouncer(direct, ignores_options=request.param) as pooler:
        schema.upgrade(pooler.url)
        yield pooler.url


async def test_app_works(signed_in: SignedIn, upload: Upload) -> None:
    people = [await signed_in() for _ in range(CLIENTS)]

    async def visit(number: int) -> None:
        made = await upload(people[number])
        for _ in range(REPEATED):
            listed = await people[number].get(f"{API}/videos")
            assert [video["id"] for video in listed.json()["items"]] == [made["id"]]

    await asyncio.gather(*map(visit, range(CLIENTS)))


LIMITS = text(
    "SELECT current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'), "
    "current_setting('timezone')"
)


async def test_limits_hold_in_every_transaction(application: Application) -> None:
    sessions = set()

    async def look() -> None:
        async with application.database.reading() as session:
            assert (await session.execute(LIMITS)).one() == ("3s", "10s", "UTC")
            sessions.add(await session.scalar(text("SELECT pg_backend_pid()")))

    for _ in range(REPEATED):
        await asyncio.gather(*(look() for _ in range(CLIENTS)))
    assert len(sessions) <= SERVERS, "they were shared"


async def test_own_session_keeps_limits_and_prepares(direct_url: str) -> None:
    database = Database(direct_url, pool_size=1)
    try:
        for _ in range(REPEATED):
            async with database.reading() as session:
                assert (await session.execute(LIMITS)).one() == ("3s", "10s", "UTC")
        async with database.reading() as session:
            connection = await (await session.connection()).get_raw_connection()
            assert not is_pooled(connection.driver_connection)
            names = text(
                "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%statement_timeout%'"
            )
            assert await session.scalar(names)
    finally:
        await database.close()
