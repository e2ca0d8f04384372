"""Create the schema of Procrastinate 3.10 on PostgreSQL."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# A copy, because a migration must not change with the package. A test compares the copy with the package.
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
    # The driver runs many statements at once and does not interpret % and :.
    op.get_bind().connection.cursor().execute(script)
