"""Runs migrations in batch mode, so that one history serves SQLite (which rebuilds tables) and PostgreSQL."""

from alembic import context
from sqlmodel import SQLModel

import app.models  # noqa: F401  # fills the metadata
from app.core.schema import migration_engine


def run() -> None:
    engine = migration_engine(context.config.attributes["database_url"])
    try:
        with engine.connect() as connection:
            context.configure(
                connection=connection,
                target_metadata=SQLModel.metadata,
                render_as_batch=True,
                compare_type=True,
                transactional_ddl=True,
            )
            with context.begin_transaction():
                context.run_migrations()
    finally:
        engine.dispose()


run()
