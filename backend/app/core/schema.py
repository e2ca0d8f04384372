"""The database's schema: one migration history for SQLite and PostgreSQL."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url

from app.core.operator_errors import OperatorError

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parents[1] / "alembic"
_CONNECT_SECONDS = 10
"""A host that swallows connections ends a start with a sentence, not after minutes."""


class SchemaOutdated(OperatorError):
    """The database is not at this version's schema."""

    def __init__(self) -> None:
        super().__init__(
            "The database's schema is not this version's. Run `slipway db upgrade`, then start again."
        )


def upgrade(database_url: str) -> None:
    """Brings the schema to this version; repeats safely."""
    from alembic import command  # slow to import, and most starts have nothing to upgrade

    command.upgrade(alembic_config(database_url), "head")


def head_revision() -> str:
    """The newest migration's id, which is its file's number: the history is one line (a test holds us to it)."""
    return max(file.name.partition("_")[0] for file in (_MIGRATIONS / "versions").glob("*.py"))


def is_current(database_url: str) -> bool:
    """Whether the database is at this version's schema; an empty or missing one is not."""
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


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """For alembic's comparisons: Procrastinate's tables come by migration, but are no models of ours."""
    return not (kind == "table" and (name or "").startswith("procrastinate_"))


def sync_engine(database_url: str) -> Engine:
    """Migrations run without an event loop: SQLite through its plain driver; psycopg serves both ways."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return create_engine(url.set(drivername="sqlite"))
    return create_engine(url, connect_args={"connect_timeout": _CONNECT_SECONDS})


def alembic_config(database_url: str) -> "Config":
    from alembic.config import Config  # as above

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["database_url"] = database_url
    return config
