"""Procrastinate's own tables, types and functions, as its version 3.10 ships them; on PostgreSQL only."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# A copy, so that this step stays the same when the package is upgraded (a test compares the two, and a new version
# of their schema then becomes a migration of ours).
_SCHEMA = Path(__file__).parents[1] / "procrastinate-3.10.sql"

_DROP = """
DO $$
DECLARE
    it record;
BEGIN
    FOR it IN SELECT tablename AS name FROM pg_tables
        WHERE schemaname = current_schema() AND tablename LIKE 'procrastinate\\_%'
    LOOP
        EXECUTE format('DROP TABLE %I CASCADE', it.name);
    END LOOP;
    FOR it IN SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace AND proname LIKE 'procrastinate\\_%'
    LOOP
        EXECUTE format('DROP FUNCTION %s CASCADE', it.name);
    END LOOP;
    FOR it IN SELECT typname AS name FROM pg_type
        WHERE typnamespace = current_schema()::regnamespace AND typname LIKE 'procrastinate\\_%'
    LOOP
        EXECUTE format('DROP TYPE %I CASCADE', it.name);
    END LOOP;
END;
$$
"""


def upgrade() -> None:
    _run(_SCHEMA.read_text(encoding="utf-8"))


def downgrade() -> None:
    _run(_DROP)


def _run(script: str) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    # By the driver itself: many statements at once, in which % and : mean what they say.
    op.get_bind().connection.cursor().execute(script)
