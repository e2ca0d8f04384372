"""Add the address that a session was last used from. Null until the next use, if an earlier version began it."""

import sqlalchemy as sa
from alembic import op

revision = "0016_from_0015"
down_revision = "0015"
undo_loses = "the addresses that sessions were last used from"


def upgrade() -> None:
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("address", sa.String(length=64), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_column("address")
