"""Add what lists are sorted and searched by, and when a removed video will be deleted."""

import unicodedata

import sqlalchemy as sa
from alembic import op

from app.core.db import UtcDateTime

revision = "0013"
down_revision = "0012"
undo_loses = "which videos were removed and can still be restored, so that these are back"

_BATCH = 1000
_INDEXES = {
    "ix_videos_user_id_name_key_id_status_remove_at": ["user_id", "name_key", "id", "status", "remove_at"],
    "ix_videos_user_id_size_bytes_id": ["user_id", "size_bytes", "id"],
    "ix_videos_user_id_duration_ms_id": ["user_id", "duration_ms", "id"],
    "ix_videos_user_id_status_remove_at": ["user_id", "status", "remove_at"],
}
_PARTIAL_INDEXES = {
    "ix_videos_without_name_key": ("id", "name_key = ''"),
    "ix_videos_remove_at": ("remove_at", "remove_at IS NOT NULL"),
}


def upgrade() -> None:
    # Bytes decide, so that both databases sort alike.
    bytewise = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    with op.batch_alter_table("videos", schema=None) as batch_op:
        # The default is for processes of the previous version, which don't know the column.
        batch_op.add_column(sa.Column("name_key", bytewise, nullable=False, server_default=""))
        batch_op.add_column(sa.Column("remove_at", UtcDateTime(), nullable=True))
    _fill_name_keys()
    for name, columns in _INDEXES.items():
        op.create_index(name, "videos", columns)
    for name, (column, condition) in _PARTIAL_INDEXES.items():
        where = sa.text(condition)
        op.create_index(name, "videos", [column], sqlite_where=where, postgresql_where=where)


def _fill_name_keys() -> None:
    videos = sa.table(
        "videos", sa.column("id", sa.Uuid()), sa.column("original_filename"), sa.column("name_key")
    )
    connection = op.get_bind()
    batch = sa.select(videos.c.id, videos.c.original_filename).order_by(videos.c.id).limit(_BATCH)
    fill = (
        sa.update(videos).where(videos.c.id == sa.bindparam("video_id")).values(name_key=sa.bindparam("key"))
    )
    rows = connection.execute(batch).all()
    while rows:
        keys = [{"video_id": row.id, "key": _name_key(row.original_filename)} for row in rows]
        connection.execute(fill, keys)
        rows = connection.execute(batch.where(videos.c.id > rows[-1].id)).all()


def _name_key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def downgrade() -> None:
    for name in [*_PARTIAL_INDEXES, *_INDEXES]:
        op.drop_index(name, "videos")
    with op.batch_alter_table("videos", schema=None) as batch_op:
        batch_op.drop_column("remove_at")
        batch_op.drop_column("name_key")
