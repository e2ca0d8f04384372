"""Add when a video last changed in a way that its owner sees. Null if it didn't since this migration."""

import sqlalchemy as sa
from alembic import op

from app.core.db import UtcDateTime

revision = "0015"
down_revision = "0014"
undo_loses = "when videos last changed, so that open pages load their lists anew"


def upgrade() -> None:
    with op.batch_alter_table("videos", schema=None) as batch_op:
        batch_op.add_column(sa.Column("changed_at", UtcDateTime(), nullable=True))
    op.create_index("ix_videos_user_id_changed_at", "videos", ["user_id", "changed_at"])


def downgrade() -> None:
    op.drop_index("ix_videos_user_id_changed_at", "videos")
    with op.batch_alter_table("videos", schema=None) as batch_op:
        batch_op.drop_column("changed_at")
