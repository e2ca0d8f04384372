"""List, read and delete a user's videos."""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

from app.core.audit_events import AuditEvent, record
from app.core.db import Database
from app.crud import leases, video_list, videos
from app.domain.errors import VideoNotFound
from app.domain.video_changes import MAX_CHANGES, listed_from
from app.domain.video_list import MAX_COUNT, SHOWN, VideoQuery
from app.models import Video
from app.ports import Clock
from app.services.background import BackgroundTasks
from app.services.removal import Removal
from app.services.searches import Searches
from app.services.video_cursors import decode_cursor, encode_cursor

DELETE_WAIT_SECONDS = 5.0
_NAME_KEYS_AT_ONCE = 100


@dataclass(frozen=True)
class VideoCount:
    """How many videos match, at most MAX_COUNT."""

    count: int
    is_exact: bool


@dataclass(frozen=True)
class VideoPage:
    items: Sequence[Video]
    next_cursor: str | None
    matching: VideoCount | None
    """Only of the first page."""
    as_of: datetime
    """Changes since then may be missing."""


@dataclass(frozen=True)
class Changes:
    """The videos of a user that changed since an earlier answer, some of them before it."""

    videos: Sequence[Video]
    gone: Sequence[uuid.UUID]
    """Videos that the user no longer sees."""
    as_of: datetime
    """Changes since then may be missing."""
    is_complete: bool
    """False if the list must be loaded anew, because the answer is too old or too much changed."""


@dataclass
class VideoService:
    database: Database
    clock: Clock
    tasks: BackgroundTasks
    removal: Removal
    searches: Searches

    async def list_page(
        self, user_id: uuid.UUID, query: VideoQuery, limit: int, cursor: str | None = None
    ) -> VideoPage:
        """Return a page. Raise InvalidRequest if the cursor is malformed or of another query, or Overloaded."""
        after = None if cursor is None else decode_cursor(query, cursor)
        now = self.clock.now()
        if not query.statuses & SHOWN:
            return VideoPage([], None, None if after else VideoCount(0, is_exact=True), now)
        async with AsyncExitStack() as stack:
            if query.name_part:
                await stack.enter_async_context(self.searches.turn(user_id))
            session = await stack.enter_async_context(self.database.reading())
            # The later pages of a search need the number too, because it decides how they are found.
            needs_count = after is None or query.is_narrowed
            count = await video_list.count(session, user_id, query) if needs_count else 0
            few = query.is_narrowed and count <= MAX_COUNT
            found = await video_list.list_page(session, user_id, query, after, limit + 1, few=few)
        items = found[:limit]
        next_cursor = encode_cursor(query, items[-1]) if len(found) > limit else None
        matching = None if after else VideoCount(min(count, MAX_COUNT), is_exact=count <= MAX_COUNT)
        return VideoPage(items, next_cursor, matching, now)

    async def changes(self, user_id: uuid.UUID, since: datetime) -> Changes:
        """Return what changed since an answer with this `as_of`."""
        now = self.clock.now()
        changed_from = listed_from(since, now)
        if changed_from is None:
            return Changes([], [], now, is_complete=False)
        async with self.database.reading() as session:
            found = await videos.list_changed(session, user_id, changed_from, MAX_CHANGES + 1)
        if len(found) > MAX_CHANGES:
            return Changes([], [], now, is_complete=False)
        shown = [video for video in found if not video.is_hidden]
        gone = [video.id for video in found if video.is_hidden]
        return Changes(shown, gone, now, is_complete=True)

    async def fill_name_keys(self) -> None:
        """Make the uploads of processes of the previous version sort by their name and be found by it."""
        while True:
            async with self.database.transaction() as session:
                if not await videos.fill_name_keys(session, _NAME_KEYS_AT_ONCE):
                    return

    async def get(self, user_id: uuid.UUID, video_id: uuid.UUID) -> Video:
        """Raise VideoNotFound."""
        async with self.database.reading() as session:
            return await videos.get_visible(session, video_id, user_id)

    async def delete(self, user_id: uuid.UUID, video_id: uuid.UUID) -> None:
        """Hide the video from the user and start the removal. The reconciler finishes it. Raise VideoNotFound."""
        now = self.clock.now()
        async with self.database.transaction() as session:
            await videos.get_visible(session, video_id, user_id)
            # A concurrent delete may have been faster.
            if not await leases.start_removal(session, video_id, now):
                raise VideoNotFound
        record(AuditEvent.VIDEO_DELETED, user_id=user_id, video_id=video_id)
        work = self.tasks.start(self.removal.step(video_id))
        await asyncio.wait({work}, timeout=DELETE_WAIT_SECONDS)
