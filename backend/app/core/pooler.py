"""Use PostgreSQL also through a pooler such as PgBouncer, which may give each transaction another server session.

A pooler refuses or drops the start parameter `options`, so our settings are then made anew in each transaction. What
a session would remember, such as prepared statements, isn't used.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, event

_REFUSAL: Final = "unsupported startup parameter"
"""PgBouncer's message has no code of its own. The rest of it differs between versions."""
_MARK: Final = "slipway.session"
"""A setting that only our own session has."""

AnyConnection = TypeVar("AnyConnection", bound=psycopg.AsyncConnection[Any])


def use_settings(engine: Engine, settings: Mapping[str, str]) -> None:
    """Make these settings of PostgreSQL hold in every transaction of the engine, whose connections `connect` makes."""
    values = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        if is_pooled(connection.connection.driver_connection):
            connection.exec_driver_sql(f"SELECT {values}")


async def connect(
    kind: type[AnyConnection], *given: Any, settings: Mapping[str, str], **parameters: Any
) -> AnyConnection:
    """Connect with these settings of the session if it is ours alone."""
    options = " ".join(f"-c {name}={value}" for name, value in {**settings, _MARK: "own"}.items())
    try:
        connection = await kind.connect(*given, options=options, **parameters)
    except psycopg.OperationalError as error:
        if _REFUSAL not in str(error):
            raise
        connection = await kind.connect(*given, **parameters)
    try:
        await connection.set_autocommit(True)
        found = await connection.execute(f"SELECT current_setting('{_MARK}', true)")
        if await found.fetchone() != ("own",):
            connection.prepare_threshold = None
        await connection.set_autocommit(False)
    except BaseException:
        connection.pgconn.finish()
        raise
    return connection


def is_pooled(connection: Any) -> bool:
    """Return whether `connect` found that the session isn't ours alone."""
    return isinstance(connection, psycopg.AsyncConnection) and connection.prepare_threshold is None
