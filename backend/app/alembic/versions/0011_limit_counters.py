"""Add the counters of limits, which several processes share on PostgreSQL."""

import sqlalchemy as sa
from alembic import op

from app.core.db import UtcDateTime

revision = "0011"
down_revision = "0010"
undo_loses = "the counts of limits, so that wrong passwords are counted anew"


def upgrade() -> None:
    op.create_table(
        "limit_counters",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_limit_counters")),
        # Without the write-ahead log, a counted request waits for no disk. A crash of the server forgets the counts.
        prefixes=["UNLOGGED"] if op.get_context().dialect.name == "postgresql" else [],
    )
    op.create_index(op.f("ix_limit_counters_ends_at"), "limit_counters", ["ends_at"])


def downgrade() -> None:
    op.drop_table("limit_counters")
