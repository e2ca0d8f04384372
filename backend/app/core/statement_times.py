"""Measure how long the database takes for each statement."""

import time
from typing import Any, Final

from sqlalchemy import Connection, Engine, ExceptionContext, event

from app.core.metrics import DATABASE_SECONDS

_KNOWN: Final = frozenset({"select", "insert", "update", "delete"})
_BEGAN: Final = "slipway_began"


def measure(engine: Engine) -> None:
    """Count the time of every statement of this engine by its kind and outcome."""

    @event.listens_for(engine, "before_cursor_execute")
    def on_begin(connection: Connection, *_: Any) -> None:
        connection.info[_BEGAN] = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def on_end(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        _observe(connection, statement, "ok")

    @event.listens_for(engine, "handle_error")
    def on_error(error: ExceptionContext) -> None:
        # Without a connection, it could not be opened.
        if error.connection is not None and error.statement is not None:
            _observe(error.connection, error.statement, "error")


def _observe(connection: Connection, statement: str, outcome: str) -> None:
    began = connection.info.pop(_BEGAN, None)
    if began is not None:
        kind = statement.split(None, 1)[0].lower()
        seconds = time.perf_counter() - began
        DATABASE_SECONDS.labels(kind if kind in _KNOWN else "other", outcome).observe(seconds)
