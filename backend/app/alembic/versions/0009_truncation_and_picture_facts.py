"""Add what the reader finds about missing data, mirroring, cropping and Dolby Vision. Null if it was not asked yet."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    with op.batch_alter_table("videos", schema=None) as batch_op:
        batch_op.add_column(sa.Column("mirrored", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("crop", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("dolby_vision", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("truncated", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("available_percent", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("videos", schema=None) as batch_op:
        batch_op.drop_column("available_percent")
        batch_op.drop_column("truncated")
        batch_op.drop_column("dolby_vision")
        batch_op.drop_column("crop")
        batch_op.drop_column("mirrored")
