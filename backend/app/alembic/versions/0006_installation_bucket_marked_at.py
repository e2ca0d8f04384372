"""Whether this database has marked a bucket: then it knows a wrong one, also an empty one."""

import sqlalchemy as sa
from alembic import op

from app.core.db import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("bucket_marked_at", UtcDateTime(), nullable=True))
    # No sweep came to its end in a bucket without our marker.
    op.execute("UPDATE installation SET bucket_marked_at = sweep_done_at")


def downgrade() -> None:
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.drop_column("bucket_marked_at")
