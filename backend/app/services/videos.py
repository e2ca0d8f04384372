"""List, read and delete a user's videos."""

import asyncio
import base64
import binascii
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from app.core.db import Database
from app.crud import leases, videos
from app.domain.errors import InvalidRequest, VideoNotFound
from app.domain.video_status import VideoEvent, VideoStatus
from app.models import Video
from app.ports import Clock
from app.services.background import BackgroundTasks
from app.services.removal import Removal

log = structlog.get_logger()

DELETE_WAIT_SECONDS = 5.0


@dataclass(frozen=True)
class VideoPage:
    items: Sequence[Video]
    next_cursor: str | None


@dataclass
class VideoService:
    database: Database
    clock: Clock
    tasks: BackgroundTasks
    removal: Removal

    async def list_page(
        self, user_id: uuid.UUID, limit: int, cursor: str | None, status: VideoStatus | None
    ) -> VideoPage:
        """Return a page, newest first. Raise InvalidRequest if the cursor is invalid."""
        after = None if cursor is None else decode_cursor(cursor)
        async with self.database.reading() as session:
            found = await videos.list_page(session, user_id, limit + 1, after, status)
        items = found[:limit]
        more = len(found) > limit
        return VideoPage(items, encode_cursor(items[-1]) if more else None)

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
            if not await videos.transition(
                session,
                video_id,
                VideoEvent.DELETED,
                due_at=now,
                expires_at=None,
                lease_until=leases.lease_of_a_completion(),
            ):
                raise VideoNotFound
        log.info("video.deleted", video_id=str(video_id))
        work = self.tasks.start(self.removal.step(video_id))
        await asyncio.wait({work}, timeout=DELETE_WAIT_SECONDS)


def encode_cursor(video: Video) -> str:
    """Encode the position of the next page. The cursor is opaque to clients."""
    place = f"{video.created_at.astimezone(UTC).isoformat()}|{video.id}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> videos.Position:
    """Raise InvalidRequest if the cursor is malformed."""
    try:
        place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        created_at, _, video_id = place.partition("|")
        moment = datetime.fromisoformat(created_at)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return videos.Position(moment.astimezone(UTC), uuid.UUID(video_id))
    except (ValueError, binascii.Error, OverflowError):
        raise InvalidRequest(
            "This cursor is invalid. Start again without a cursor.", ["query", "cursor"], "invalid cursor"
        ) from None
