"""Add the number of channels of the first audio track. Null if an earlier version read the video."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
undo_loses = "the number of audio channels of all videos"


def upgrade() -> None:
    with op.batch_alter_table("videos", schema=None) as batch_op:
        batch_op.add_column(sa.Column("audio_channels", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("videos", schema=None) as batch_op:
        batch_op.drop_column("audio_channels")
