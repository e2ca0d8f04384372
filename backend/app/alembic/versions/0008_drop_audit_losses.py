"""Drop what the audit's limit counted. The audit no longer sets videos to failed."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.drop_index("ix_videos_missing_since", table_name="videos")
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.drop_column("audit_losses")


def downgrade() -> None:
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("audit_losses", sa.JSON(none_as_null=True), nullable=True))
    op.create_index(
        "ix_videos_missing_since",
        "videos",
        ["missing_since"],
        sqlite_where=sa.text("missing_since IS NOT NULL"),
        postgresql_where=sa.text("missing_since IS NOT NULL"),
    )
