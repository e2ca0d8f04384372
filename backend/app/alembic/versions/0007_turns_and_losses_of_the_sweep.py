"""Add the end of the last sweep, the losses of the audit, and an index on missing videos."""

import sqlalchemy as sa
from alembic import op

from app.core.db import UtcDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sweep_ended_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("audit_losses", sa.JSON(none_as_null=True), nullable=True))
    op.create_index(
        "ix_videos_missing_since",
        "videos",
        ["missing_since"],
        sqlite_where=sa.text("missing_since IS NOT NULL"),
        postgresql_where=sa.text("missing_since IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_videos_missing_since", table_name="videos")
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.drop_column("audit_losses")
        batch_op.drop_column("sweep_ended_at")
