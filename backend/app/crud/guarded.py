"""Change rows under guards. The WHERE of each UPDATE and DELETE states what must still be true.

On PostgreSQL two transactions that lock the same rows in opposite orders wait for each other, and one of them fails. So
every transaction locks in one order, which is the user's row, the installation's, and then videos by their IDs.
"""

import uuid
from datetime import datetime
from typing import TypedDict, Unpack

from sqlalchemy import ColumnElement, Delete, Integer, Update, literal_column, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.domain.video_status import VideoStatus
from app.models import Video


class VideoChanges(TypedDict, total=False):
    """The columns of a video that change after its creation.

    `status`, `changed_at`, `audit_due_at` and the metadata are left out.
    """

    name_key: str
    upload_id: str
    etags_are_md5: bool
    etag: str | None
    status_code: str | None
    status_detail: str | None
    lease_owner: uuid.UUID | None
    lease_until: datetime | ColumnElement[datetime | None] | None
    part_md5s: dict[str, str] | None
    remove_at: datetime | None
    due_at: datetime | None
    attempts: int | ColumnElement[int]
    postponed: int | ColumnElement[int]
    storage_gone_at: datetime | None
    reserved_bytes: int
    expires_at: datetime | None
    uploaded_at: datetime
    ready_at: datetime
    missing_since: datetime | None


def row(video_id: uuid.UUID, status: VideoStatus | None = None) -> ColumnElement[bool]:
    """Require this ID and, if given, this status."""
    this = col(Video.id) == video_id
    return this if status is None else this & (col(Video.status) == status)


async def change(
    session: AsyncSession, *guards: ColumnElement[bool], **changes: Unpack[VideoChanges]
) -> bool:
    """Update one video. Return False if a guard does not hold."""
    return await changed_one(session, update(Video).where(*guards).values(**changes))


async def changed_one(session: AsyncSession, statement: Update | Delete) -> bool:
    """Return whether the statement found its row."""
    # Drivers report rowcount differently, but RETURNING alike.
    returning = statement.returning(literal_column("1", Integer))
    changed = await session.execute(returning, execution_options={"synchronize_session": False})
    return changed.first() is not None
