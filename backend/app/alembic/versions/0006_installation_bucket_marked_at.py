"""Add the time when this database marked its bucket, so that it recognizes another bucket."""

import sqlalchemy as sa
from alembic import op

from app.core.db import UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("bucket_marked_at", UtcDateTime(), nullable=True))
    # Every sweep that finished had marked the bucket.
    op.execute("UPDATE installation SET bucket_marked_at = sweep_done_at")


def downgrade() -> None:
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.drop_column("bucket_marked_at")
