"""Make the database unreachable, on SQLite and PostgreSQL."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError

from app.core.db import Database


@asynccontextmanager
async def database_down(database: Database) -> AsyncIterator[None]:
    """Refuse new connections in the block, and make pooled ones unusable."""
    if database.is_sqlite:
        engine = database.engine.sync_engine
        # Keep the file. A new file of this name would read the write-ahead log of the old one. Keep the pool too. After
        # dispose(), a connection in use would return to a pool that nothing closes.
        event.listen(engine, "do_connect", _cannot_be_opened)
        event.listen(engine.pool, "checkout", _is_of_no_use)
        try:
            yield
        finally:
            event.remove(engine, "do_connect", _cannot_be_opened)
            event.remove(engine.pool, "checkout", _is_of_no_use)
    else:
        _allow_connections(database.url, False)
        try:
            yield
        finally:
            _allow_connections(database.url, True)


def _cannot_be_opened(*_: object) -> None:
    raise sqlite3.OperationalError("unable to open database file")


def _is_of_no_use(*_: object) -> None:
    """Make the pool close the connection and open another."""
    raise DisconnectionError("the database is down")


def _allow_connections(url: URL, allowed: bool) -> None:
    where = f"host={url.query['host']} user={url.username} dbname=postgres"
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS {allowed}'.encode())
        if not allowed:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [url.database]
            )
