"""Turn rows into response models."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import StorageUnavailable
from app.domain.video_status import VideoStatus
from app.models import Video
from app.ports import DeliveryUrls, PresignedPart
from app.schemas.videos import (
    CreatedUploadOut,
    PresignedPartOut,
    SignedPartsOut,
    StatusReasonOut,
    UploadOut,
    VideoListOut,
    VideoOut,
)
from app.services.uploads import StartedUpload
from app.services.videos import VideoPage


@dataclass(frozen=True)
class VideoPresenter:
    """Present videos as of one moment, with a delivery URL if they are ready."""

    delivery: DeliveryUrls
    now: datetime

    def video(self, video: Video) -> VideoOut:
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

    def page(self, page: VideoPage) -> VideoListOut:
        return VideoListOut(items=[self.video(video) for video in page.items], next_cursor=page.next_cursor)

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


def _parts(parts: Sequence[PresignedPart]) -> list[PresignedPartOut]:
    return [PresignedPartOut.model_validate(part) for part in parts]


def _reason(video: Video) -> StatusReasonOut | None:
    if video.status_code is None or video.status_detail is None:
        return None
    return StatusReasonOut(code=video.status_code, detail=video.status_detail)
