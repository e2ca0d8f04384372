"""Takes the database really away for a while, on both engines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import URL

from app.core.db import Database


@asynccontextmanager
async def database_down(database: Database) -> AsyncIterator[None]:
    """SQLite: a folder stands where the file was. PostgreSQL: no connection is let in, and all are cut."""
    if database.is_sqlite:
        await database.engine.dispose()
        file = Path(database.url.database or "")
        _hide(file)
        try:
            yield
        finally:
            # The pool is left alone: a connection that is just being opened would end in one that nobody closes.
            _bring_back(file)
    else:
        _allow_connections(database.url, False)
        try:
            yield
        finally:
            _allow_connections(database.url, True)


def _hide(file: Path) -> None:
    file.rename(f"{file}.aside")
    file.mkdir()


def _bring_back(file: Path) -> None:
    file.rmdir()
    Path(f"{file}.aside").rename(file)


def _allow_connections(url: URL, allowed: bool) -> None:
    where = f"host={url.query['host']} user={url.username} dbname=postgres"
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS {allowed}'.encode())
        if not allowed:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [url.database]
            )
