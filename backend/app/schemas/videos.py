"""Define the requests and responses of uploads and videos."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, StringConstraints

from app.domain.errors import StatusCode
from app.domain.part_plan import MAX_PARTS_PER_SIGNING, S3_MAX_PARTS
from app.domain.video_file import MAX_FILENAME_CHARACTERS, Family
from app.domain.video_status import VideoStatus
from app.schemas.texts import printable


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _distinct(numbers: list[int]) -> list[int]:
    if len(set(numbers)) != len(numbers):
        raise ValueError("each part number once")
    return numbers


PartNumber = Annotated[int, Field(ge=1, le=S3_MAX_PARTS)]


class CreateVideoIn(_Request):
    # check_file has the real bounds, with codes that say more than `validation_error`. It applies the one of the length
    # before any work that grows faster than the length.
    filename: Annotated[str, Field(max_length=10_000)]
    size_bytes: Annotated[int, Field(ge=-(2**63), le=2**64)]
    content_type: Annotated[str, Field(max_length=200)]


class SignPartsIn(_Request):
    part_numbers: Annotated[
        list[PartNumber], Field(min_length=1, max_length=MAX_PARTS_PER_SIGNING), AfterValidator(_distinct)
    ]


class PartMd5In(_Request):
    part_number: PartNumber
    md5: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{32}$")]


def _distinct_parts(parts: list[PartMd5In]) -> list[PartMd5In]:
    _distinct([part.part_number for part in parts])
    return parts


class CompleteUploadIn(_Request):
    parts: Annotated[list[PartMd5In], Field(max_length=S3_MAX_PARTS), AfterValidator(_distinct_parts)]


def _distinct_ids(video_ids: list[uuid.UUID]) -> list[uuid.UUID]:
    return list(dict.fromkeys(video_ids))


class VideoIdsIn(_Request):
    ids: Annotated[
        list[Annotated[uuid.UUID, Strict(False)]],
        Field(min_length=1, max_length=100),
        AfterValidator(_distinct_ids),
    ]


ByteCount = Annotated[int, Field(ge=0, le=2**53)]
EventCount = Annotated[int, Field(ge=0, le=1_000_000)]


class UploadTelemetryIn(_Request):
    """What the page reports of an upload. The API counts it and trusts none of it."""

    video_id: Annotated[uuid.UUID, Strict(False)] | None
    outcome: Literal["done", "failed", "aborted", "left"]
    phase: Literal["checking", "starting", "sending", "assembling", "done"]
    """The phase in which the upload ended."""
    error_code: Annotated[str, Field(pattern=r"^[a-z_]{1,64}$")] | None
    bytes_total: ByteCount
    bytes_sent: ByteCount
    duration_ms: Annotated[int, Field(ge=0, le=2**53)]
    goodput_bytes_per_second: ByteCount | None
    part_count: Annotated[int, Field(ge=0, le=S3_MAX_PARTS)]
    retries: EventCount
    stalls: EventCount
    renewals: EventCount
    parts_without_md5: EventCount = 0


SearchText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=MAX_FILENAME_CHARACTERS),
    AfterValidator(printable),
]


class ContainerOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    container: Annotated[str, Field(validation_alias="name")]
    extensions: list[str]
    content_types: list[str]
    family: Family


class PartPlanOut(BaseModel):
    """A part is a `wanted_parts`-th of the file, rounded up to the multiple and kept within the limits."""

    min_part_bytes: int
    max_part_bytes: int
    part_bytes_multiple: int
    wanted_parts: int


class UploadPolicyOut(BaseModel):
    max_size_bytes: int
    presign_ttl_seconds: int
    containers: list[ContainerOut]
    part_plan: PartPlanOut
    max_parts_per_signing: int
    registration_open: bool
    """Whether people can create accounts now."""
    password_help: str
    """What the operator tells people who forgot their password. May be empty."""
    server_time: datetime


class PresignedPartOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    part_number: int
    url: str
    size_bytes: int
    expires_at: datetime


class UploadOut(BaseModel):
    part_size_bytes: int
    part_count: int
    expires_at: datetime
    server_time: datetime
    parts: list[PresignedPartOut]


class StatusReasonOut(BaseModel):
    code: StatusCode
    detail: str


class VideoOut(BaseModel):
    """Unknown is null. Width and height are display values. `container` is the content's."""

    id: uuid.UUID
    original_filename: str
    content_type: str
    size_bytes: int
    status: VideoStatus
    status_reason: StatusReasonOut | None
    container: str | None
    duration_seconds: float | None
    width: int | None
    height: int | None
    rotation: int | None
    mirrored: bool | None
    crop: str | None
    video_codec: str | None
    audio_codec: str | None
    audio_channels: int | None
    frame_rate: float | None
    bit_rate: int | None
    hdr: Literal["sdr", "pq", "hlg"] | None
    dolby_vision: bool | None
    truncated: bool | None
    available_percent: int | None
    metadata_complete: bool
    created_at: datetime
    uploaded_at: datetime | None
    ready_at: datetime | None
    delivery_url: str | None
    delivery_url_expires_at: datetime | None


class CreatedUploadOut(BaseModel):
    video: VideoOut
    upload: UploadOut | None


class SignedPartsOut(BaseModel):
    parts: list[PresignedPartOut]
    server_time: datetime


class RemovedVideosOut(BaseModel):
    ids: list[uuid.UUID]
    """The videos that are removed. Unknown ones and those that are being deleted are left out."""
    undo_seconds: int
    """For how long they can be restored."""


class RestoredVideosOut(BaseModel):
    items: list[VideoOut]
    """The videos that are there again. Those whose deletion has begun are left out."""


class VideoListOut(BaseModel):
    items: list[VideoOut]
    next_cursor: str | None
    count: int | None
    """How many videos match, at most 1,000. Null on later pages."""
    count_is_exact: bool | None
    """False if more than 1,000 videos match. Null on later pages."""
    as_of: datetime
    """Goes into `since` of `/videos/changes`."""


class VideoChangesOut(BaseModel):
    items: list[VideoOut]
    """Videos that are new or changed, and some that changed shortly before."""
    gone: list[uuid.UUID]
    """Videos that are no longer there."""
    as_of: datetime
    """Goes into `since` next time."""
    is_complete: bool
    """False if the list must be loaded anew. Then the answer tells nothing."""
