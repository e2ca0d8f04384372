"""Create the installation row with the database ID and the sweep's lease, and add the audit's columns."""

import sqlalchemy as sa
from alembic import op

from app.core.db import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("database_id", sa.Uuid(), nullable=False),
        sa.Column("sweep_owner", sa.Uuid(), nullable=True),
        sa.Column("sweep_lease_until", UtcDateTime(), nullable=True),
        sa.Column("sweep_began_at", UtcDateTime(), nullable=True),
        sa.Column("sweep_done_at", UtcDateTime(), nullable=True),
        sa.Column("sweep_report", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    with op.batch_alter_table("videos", schema=None) as batch_op:
        batch_op.add_column(sa.Column("audit_due_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("missing_since", UtcDateTime(), nullable=True))
        batch_op.create_index("ix_videos_status_audit_due_at", ["status", "audit_due_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("videos", schema=None) as batch_op:
        batch_op.drop_index("ix_videos_status_audit_due_at")
        batch_op.drop_column("missing_since")
        batch_op.drop_column("audit_due_at")
    op.drop_table("installation")
