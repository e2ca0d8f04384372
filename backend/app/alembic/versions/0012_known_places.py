"""Add the places that users signed in from, which strangers' wrong passwords don't keep out."""

import sqlalchemy as sa
from alembic import op

from app.core.db import UtcDateTime

revision = "0012"
down_revision = "0011"
undo_loses = "the places that users signed in from before"


def upgrade() -> None:
    op.create_table(
        "known_places",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("place_hash", sa.String(length=64), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_known_places_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "place_hash", name=op.f("pk_known_places")),
    )
    op.create_index(op.f("ix_known_places_seen_at"), "known_places", ["seen_at"])


def downgrade() -> None:
    op.drop_table("known_places")
