"""What the operator may do to videos."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.core.audit_events import AuditEvent, record
from app.core.db import Database
from app.core.operator_errors import OperatorError
from app.crud import leases, users, videos
from app.domain.errors import Unavailable
from app.domain.video_status import VideoStatus
from app.models import Video
from app.ports import Clock
from app.services.removal import Removal
from app.services.sweep.bucket import BucketCheck, WrongBucket

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
MAX_REASON_CHARACTERS: Final = 200


class NoSuchVideo(OperatorError):
    def __init__(self) -> None:
        super().__init__(
            "There is no video with this ID, or an address that contains it. `slipway video list` shows videos."
        )


class ReasonMissing(OperatorError):
    def __init__(self) -> None:
        super().__init__(f"The reason is one line of 1 to {MAX_REASON_CHARACTERS} characters.")


@dataclass(frozen=True)
class OwnedVideo:
    video: Video
    email: str
    """The owner's address."""


@dataclass
class VideoAdmin:
    """Sees every row, also of videos that their owner no longer sees and whose bytes still count."""

    database: Database
    clock: Clock
    removal: Removal
    bucket: BucketCheck

    async def list_of(self, user_id: uuid.UUID, statuses: Sequence[VideoStatus]) -> Sequence[Video]:
        """Return the user's videos in these states, the newest first."""
        async with self.database.reading() as session:
            return await videos.list_all_of(session, user_id, statuses)

    async def find(self, name: str) -> OwnedVideo:
        """Return the video whose ID is in `name`, such as its page's address or its object's key. Raise NoSuchVideo."""
        async with self.database.reading() as session:
            for found in _ID.findall(name):
                video = await videos.get(session, uuid.UUID(found))
                owner = video and await users.get(session, video.user_id)
                if video and owner:
                    return OwnedVideo(video, owner.email)
        raise NoSuchVideo

    async def take_down(self, video: Video, reason: str) -> bool:
        """Hide the video from its owner and start the removal. Return False if it has started before.

        Raise ReasonMissing.
        """
        if not (0 < len(reason) <= MAX_REASON_CHARACTERS and reason.isprintable()):
            raise ReasonMissing
        async with self.database.transaction() as session:
            if not await leases.start_removal(session, video.id, self.clock.now()):
                return False
        record(
            AuditEvent.VIDEO_TAKEN_DOWN,
            user_id=video.user_id,
            video_id=video.id,
            by="operator",
            reason=reason,
        )
        return True

    async def clear(self, video_id: uuid.UUID) -> bool:
        """Take the first step of the removal now. Return whether the store has confirmed that the bytes are gone.

        The reconciler of an app or a worker continues in any case.
        """
        try:
            await self.bucket.confirm()
            await self.removal.step(video_id)
        except (Unavailable, WrongBucket):
            return False
        async with self.database.reading() as session:
            return not await videos.count_in_store(session, [video_id])
