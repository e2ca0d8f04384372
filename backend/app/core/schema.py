"""Migrations of the database's schema, the same for SQLite and PostgreSQL."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url

from app.core.operator_errors import OperatorError
from app.domain.schema_version import Fit, judge

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parents[1] / "alembic"
_REVISION: Final = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
CONNECT_SECONDS = 10
"""A host that drops packets would otherwise delay the start by minutes."""
UPGRADE_SECONDS: Final = 60
"""How long an upgrade waits on SQLite for another one to end."""
_MIGRATION_LOCK: Final = 0x51195A7
"""PostgreSQL's advisory locks are numbers, and each database has its own."""


class SchemaOutdated(OperatorError):
    def __init__(self) -> None:
        super().__init__(
            "The database's schema is not this version's. Run `slipway db upgrade`, then start again."
        )


class NoDatabase(OperatorError):
    """The settings may be those of no installation, for example in a shell without the service's environment."""

    def __init__(self, url: URL) -> None:
        found = "DATABASE_URL: the database has no tables of Slipway. Is it the right one?"
        if url.get_backend_name() == "sqlite":
            found = (
                f"There is no database of Slipway at {_file_of(url)}. Are DATABASE_URL, SLIPWAY_DATA_DIR and the "
                "folder right?"
            )
        super().__init__(f"{found} A new installation starts with `slipway db upgrade`.")


class SchemaTooNew(OperatorError):
    def __init__(self, found: str | None) -> None:
        super().__init__(
            f"The database has schema {found} of a newer version, on which this version can't run. Use "
            "the newer version. Its `slipway db downgrade` may take the schema back."
        )


class CannotDowngrade(OperatorError):
    pass


@dataclass(frozen=True)
class StepBack:
    """The newest step of a database's schema, as its undoing would be."""

    revision: str
    goes_to: str
    loses: str
    """What the database has no more afterwards."""


def what_is_new(database_url: str) -> str:
    """Return what to tell if an upgrade began a new installation, which nobody wants with wrong settings."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return (
            f"Made a new database at {_file_of(url)}. If there was one already, DATABASE_URL, SLIPWAY_DATA_DIR or the "
            "folder is wrong."
        )
    return "Made the tables of a new installation. If there was one already, DATABASE_URL is wrong."


def upgrade(database_url: str) -> None:
    """Migrate to this version's schema. Does nothing if it is current."""
    from alembic import command  # slow to import, and seldom needed

    command.upgrade(alembic_config(database_url), "head")


def step_back(database_url: str) -> StepBack:
    """Return what `downgrade` would do. Raise CannotDowngrade."""
    from alembic.script import ScriptDirectory

    found = database_revision(database_url)
    scripts = ScriptDirectory.from_config(alembic_config(database_url))
    known = {script.revision: script for script in scripts.walk_revisions()}
    if found not in known:
        raise CannotDowngrade(
            f"The database has schema {found}, which this version did not make. Use the version that did."
            if found
            else "The database is empty."
        )
    loses = getattr(known[found].module, "undo_loses", None)
    goes_to = known[found].down_revision
    if loses is None or not isinstance(goes_to, str):
        raise CannotDowngrade(f"Schema {found} can't be undone. Restore a backup instead.")
    return StepBack(found, goes_to, loses)


def downgrade(database_url: str, step: StepBack) -> None:
    """Undo the step. What runs on the newer schema must have ended."""
    from alembic import command

    command.downgrade(alembic_config(database_url), step.goes_to)


@cache
def head_revision() -> str:
    """Return the newest migration's ID, which begins with the number of its file."""
    newest = max((_MIGRATIONS / "versions").glob("*.py"), key=lambda file: file.name)
    found = _REVISION.search(newest.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{newest.name} has no revision")
    return found[1]


def require_usable(database_url: str) -> str:
    """Return the database's schema.

    Raise NoDatabase, SchemaOutdated or SchemaTooNew if this version can't run on it.
    """
    found = database_revision(database_url)
    if found is None:
        raise NoDatabase(make_url(database_url))
    fit = judge(found, head_revision())
    if fit is Fit.OLDER:
        raise SchemaOutdated
    if fit is Fit.TOO_NEW:
        raise SchemaTooNew(found)
    return found


def is_current(database_url: str) -> bool:
    """Return whether the database has this version's schema."""
    return database_revision(database_url) == head_revision()


def database_revision(database_url: str) -> str | None:
    """Return the database's schema. A file that is missing has none, and is not made."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        return None
    engine = sync_engine(database_url)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return found
    finally:
        engine.dispose()


def _file_of(url: URL) -> Path:
    return Path(url.database or "").absolute()


def sync_engine(database_url: str) -> Engine:
    """Return an engine that needs no event loop."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return create_engine(url.set(drivername="sqlite"))
    return create_engine(url, connect_args={"connect_timeout": CONNECT_SECONDS})


def migration_engine(database_url: str) -> Engine:
    """Return an engine for migrations.

    Its transactions include changes of the schema, so that an upgrade that is stopped changes nothing. One waits for
    another, so that two upgrades at once don't take the same step.
    """
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        # Python's sqlite3 begins a transaction before INSERT, UPDATE and DELETE alone. A change of the schema would be
        # committed at once, and its revision only later.
        own = {"isolation_level": None, "timeout": UPGRADE_SECONDS}
        engine = create_engine(url.set(drivername="sqlite"), connect_args=own)
        first = "BEGIN IMMEDIATE"
    else:
        engine = sync_engine(database_url)
        first = f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(first)

    return engine


def alembic_config(database_url: str) -> "Config":
    from alembic.config import Config

    config = Config()
    # Alembic expands %, as ConfigParser does.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["database_url"] = database_url
    return config
