"""Migrations of the database's schema, the same for SQLite and PostgreSQL."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url

from app.core.operator_errors import OperatorError

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parents[1] / "alembic"
CONNECT_SECONDS = 10
"""A host that drops packets would otherwise delay the start by minutes."""


class SchemaOutdated(OperatorError):
    def __init__(self) -> None:
        super().__init__(
            "The database's schema is not this version's. Run `slipway db upgrade`, then start again."
        )


def upgrade(database_url: str) -> None:
    """Migrate to this version's schema. Does nothing if it is current."""
    from alembic import command  # slow to import, and seldom needed

    command.upgrade(alembic_config(database_url), "head")


def head_revision() -> str:
    """Return the newest migration's ID, which is the number of its file."""
    return max(file.name.partition("_")[0] for file in (_MIGRATIONS / "versions").glob("*.py"))


def require_current(database_url: str) -> None:
    """Raise SchemaOutdated if the database does not have this version's schema."""
    if not is_current(database_url):
        raise SchemaOutdated


def is_current(database_url: str) -> bool:
    """Return whether the database has this version's schema. A file that is missing has none, and is not made."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        return False
    engine = sync_engine(database_url)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return False
            return connection.scalars(text("SELECT version_num FROM alembic_version")).all() == [
                head_revision()
            ]
    finally:
        engine.dispose()


def sync_engine(database_url: str) -> Engine:
    """Return an engine for migrations, which run without an event loop."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return create_engine(url.set(drivername="sqlite"))
    return create_engine(url, connect_args={"connect_timeout": CONNECT_SECONDS})


def alembic_config(database_url: str) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["database_url"] = database_url
    return config
