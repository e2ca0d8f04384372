"""The database's schema: one migration history for SQLite and PostgreSQL."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url


class SchemaOutdated(Exception):
    """The database is not at this version's schema."""

    def __init__(self) -> None:
        super().__init__(
            "The database's schema is not this version's. Run `slipway db upgrade`, then start again."
        )


def upgrade(database_url: str) -> None:
    """Brings the schema to this version; repeats safely."""
    command.upgrade(_config(database_url), "head")


def is_current(database_url: str) -> bool:
    engine = sync_engine(database_url)
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_heads()
    finally:
        engine.dispose()
    return set(found) == set(ScriptDirectory.from_config(_config(database_url)).get_heads())


def sync_engine(database_url: str) -> Engine:
    """Migrations run without an event loop: SQLite through its plain driver; psycopg serves both ways."""
    url = make_url(database_url)
    return create_engine(url.set(drivername="sqlite") if url.get_backend_name() == "sqlite" else url)


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "alembic"))
    config.attributes["database_url"] = database_url
    return config
