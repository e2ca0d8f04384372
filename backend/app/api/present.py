"""Turn rows into response models."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.core.audit_events import AuditEvent, current_session, record
from app.core.recent import Recent
from app.domain.errors import StorageUnavailable
from app.domain.video_status import VideoStatus
from app.models import User, Video
from app.ports import DeliveryUrls, PresignedPart
from app.schemas.auth import UserOut
from app.schemas.videos import (
    CreatedUploadOut,
    PresignedPartOut,
    SignedPartsOut,
    StatusReasonOut,
    UploadOut,
    VideoChangesOut,
    VideoListOut,
    VideoOut,
)
from app.services.uploads import StartedUpload
from app.services.videos import Changes, VideoPage

_PRESENTED_AT_ONCE: Final = 10
"""Between two turns of the event loop. A list of changes has up to 200 URLs, which take 55 ms to sign with RSA."""
KEPT_LINKS: Final = 100_000
"""About 25 MB. What is forgotten is recorded again."""


@dataclass(frozen=True)
class VideoPresenter:
    """Present videos as of one moment, with a delivery URL if they are ready."""

    delivery: DeliveryUrls
    now: datetime
    links: Recent[None]
    """Whose answers contained which URLs. A page that is open asks for its list again and again."""

    def video(self, video: Video) -> VideoOut:
        shown = self._video(video)
        self._record_links([shown])
        return shown

    async def page(self, page: VideoPage) -> VideoListOut:
        matching = page.matching
        return VideoListOut(
            items=await self.videos(page.items),
            next_cursor=page.next_cursor,
            as_of=page.as_of,
            count=matching.count if matching else None,
            count_is_exact=matching.is_exact if matching else None,
        )

    async def changes(self, changes: Changes) -> VideoChangesOut:
        return VideoChangesOut(
            items=await self.videos(changes.videos),
            gone=list(changes.gone),
            as_of=changes.as_of,
            is_complete=changes.is_complete,
        )

    async def videos(self, videos: Sequence[Video]) -> list[VideoOut]:
        shown: list[VideoOut] = []
        for start in range(0, len(videos), _PRESENTED_AT_ONCE):
            shown += [self._video(video) for video in videos[start : start + _PRESENTED_AT_ONCE]]
            await asyncio.sleep(0)
        self._record_links(shown)
        return shown

    def _video(self, video: Video) -> VideoOut:
        delivery = None
        if video.status is VideoStatus.READY:
            # Credentials that have ended must not hide the list.
            with suppress(StorageUnavailable):
                delivery = self.delivery.url_for(video.object_key, video.original_filename, self.now)
        columns = {name: getattr(video, name) for name in VideoOut.model_fields if hasattr(video, name)}
        return VideoOut(
            **columns,
            status_reason=_reason(video),
            duration_seconds=None if video.duration_ms is None else video.duration_ms / 1000,
            delivery_url=delivery.url if delivery else None,
            delivery_url_expires_at=delivery.expires_at if delivery else None,
        )

    def _record_links(self, shown: Sequence[VideoOut]) -> None:
        """Record the URLs that this session gets for the first time."""
        made: list[str] = []
        for video in shown:
            link = (current_session(), video.id, video.delivery_url_expires_at)
            if video.delivery_url and link not in self.links:
                made.append(str(video.id))
                self.links.get(link, lambda: None)
        if made:
            record(AuditEvent.LINK_MADE, video_ids=made)

    def started(self, started: StartedUpload) -> CreatedUploadOut:
        video, parts = started.video, started.parts
        upload = None
        if parts is not None and video.expires_at is not None:
            upload = UploadOut(
                part_size_bytes=video.part_size_bytes,
                part_count=video.part_plan.part_count,
                expires_at=video.expires_at,
                server_time=self.now,
                parts=_parts(parts),
            )
        return CreatedUploadOut(video=self.video(video), upload=upload)

    def signed(self, parts: Sequence[PresignedPart]) -> SignedPartsOut:
        return SignedPartsOut(parts=_parts(parts), server_time=self.now)


def show_user(user: User, usual_quota: int) -> UserOut:
    """Show an account to its owner. `usual_quota` is for users without a quota of their own."""
    return UserOut(
        id=user.id,
        email=user.email,
        full_name=user.full_name,
        reserved_bytes=user.reserved_bytes,
        quota_bytes=user.quota(usual_quota),
        created_at=user.created_at,
    )


def _parts(parts: Sequence[PresignedPart]) -> list[PresignedPartOut]:
    return [PresignedPartOut.model_validate(part) for part in parts]


def _reason(video: Video) -> StatusReasonOut | None:
    if video.status_code is None or video.status_detail is None:
        return None
    return StatusReasonOut(code=video.status_code, detail=video.status_detail)
