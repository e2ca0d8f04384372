"""Does nothing. It created the tables of the job queue Procrastinate, which installations of that time still have."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
