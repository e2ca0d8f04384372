"""What the use cases need from outside: small protocols, and the values that cross them."""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from mediaprobe import Metadata


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware and in UTC."""
        ...


@dataclass(frozen=True)
class StoredPart:
    """A part as the store lists it."""

    part_number: int
    size_bytes: int
    etag: str
    """With its quotes, as sent."""
    last_modified: datetime


@dataclass(frozen=True)
class StoredObject:
    """What a HEAD tells."""

    size_bytes: int
    etag: str
    content_type: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class ObjectRange:
    """A piece of an object and the size of the whole."""

    data: bytes
    total_bytes: int
    etag: str


@dataclass(frozen=True)
class CreatedUpload:
    upload_id: str
    etags_are_md5: bool
    """Whether part ETags are MD5s: without encryption and with SSE-S3 they are, with SSE-KMS not."""


@dataclass(frozen=True)
class OpenUpload:
    """A multipart upload that was neither completed nor aborted."""

    object_key: str
    upload_id: str
    initiated_at: datetime


@dataclass(frozen=True)
class ListedObject:
    object_key: str
    size_bytes: int
    last_modified: datetime


@dataclass(frozen=True)
class PresignedPart:
    """A URL that takes one part of one upload, of exactly this length, until expires_at."""

    part_number: int
    url: str
    size_bytes: int
    expires_at: datetime


class NoSuchUpload(Exception):
    """The store does not know this multipart upload (any more)."""


class NoSuchObject(Exception):
    """There is no object at this key."""


class ObjectChanged(Exception):
    """The object at this key is not the one the ETag names."""


class InvalidPart(Exception):
    """A part named in a completion is not there, or not with this ETag or size."""


class ObjectExists(Exception):
    """A conditional write found an object at the key, or lost a race for it."""


class ObjectStorage(Protocol):
    """An S3 bucket. Every call but presigning raises domain.errors.StorageUnavailable when the store does not
    answer in time, answers 5xx, or refuses us; Overloaded when too many calls wait already."""

    async def create_multipart_upload(
        self, object_key: str, content_type: str, content_disposition: str, metadata: Mapping[str, str]
    ) -> CreatedUpload: ...

    def presign_part(
        self,
        object_key: str,
        upload_id: str,
        part_number: int,
        size_bytes: int,
        now: datetime,
        ttl_seconds: int,
    ) -> PresignedPart:
        """No network: a signature over method, key, upload id, part number and exact Content-Length."""
        ...

    async def list_parts(self, object_key: str, upload_id: str) -> list[StoredPart]:
        """All parts by number; raises NoSuchUpload."""
        ...

    async def complete_multipart_upload(
        self, object_key: str, upload_id: str, parts: Sequence[StoredPart], *, only_if_new: bool
    ) -> None:
        """Assembles exactly these parts. `only_if_new` sends If-None-Match: * (an engine may ignore it).

        Raises NoSuchUpload, InvalidPart, ObjectExists. May take minutes: the caller's time limit is its own.
        """
        ...

    async def abort_multipart_upload(self, object_key: str, upload_id: str) -> None:
        """Succeeds also when the upload is gone."""
        ...

    async def head(self, object_key: str) -> StoredObject:
        """Raises NoSuchObject."""
        ...

    async def read_range(self, object_key: str, start: int, length: int, etag: str | None) -> ObjectRange:
        """Up to `length` bytes from `start` (fewer at the end); with `etag` only of that very object.

        Raises NoSuchObject, ObjectChanged.
        """
        ...

    async def delete(self, object_key: str) -> None:
        """Succeeds also when the object is gone."""
        ...

    async def put(self, object_key: str, data: bytes, content_type: str, *, only_if_new: bool) -> None:
        """A small object of our own in one request. `only_if_new` raises ObjectExists where there is one."""
        ...

    def list_uploads(self, prefix: str) -> AsyncIterator[OpenUpload]: ...

    def list_objects(self, prefix: str) -> AsyncIterator[ListedObject]: ...

    async def check(self) -> None:
        """One cheap round trip to the bucket."""
        ...

    async def server_time(self) -> datetime:
        """The store's own clock, to the second: what its times are compared with."""
        ...


@dataclass(frozen=True)
class DeliveryUrl:
    url: str
    expires_at: datetime


class DeliveryUrls(Protocol):
    def url_for(self, object_key: str, filename: str, now: datetime) -> DeliveryUrl:
        """Where a browser may read the object; the same answer while a quarter of its life is left."""
        ...


class ProbeOne(Protocol):
    """What a queue calls to have a job done; the lease on the row decides who does it, whatever a queue believes."""

    async def __call__(self, video_id: uuid.UUID | None = None) -> bool:
        """Does the probe of this video, or the one that has waited longest. False: there was none to do.

        Cancelled, it hands the job back. Raises Unavailable, and whatever a bug raises; the job is kept then.
        """
        ...


class JobQueue(Protocol):
    """Work that outlives the request. A job is `probe this video`; it comes to be with the row's own change.

    The row knows that it waits (`processing`, `due_at`, lease). A queue that loses a job, or brings it twice or late,
    only costs time.
    """

    async def enqueue_probe(self, session: AsyncSession, video_id: uuid.UUID) -> None:
        """Part of the caller's unit of work: the job exists if and only if that commits."""
        ...

    async def work(self, probe: ProbeOne, at_once: int) -> None:
        """Has jobs done, up to `at_once` side by side, until cancelled. Outlives an absent database."""
        ...


class VerdictOnBytes(Exception):
    """These bytes are no video we take; `code` and `detail` become the video's status_reason."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class MetadataOutOfBudget(Exception):
    """The reader gave up within its limits; `container` is what it had found by then."""

    def __init__(self, container: str | None) -> None:
        super().__init__("the metadata could not be read within the limits")
        self.container = container


class MediaProbe(Protocol):
    async def probe(self, object_key: str, etag: str) -> Metadata:
        """Reads the metadata of exactly this object.

        Raises VerdictOnBytes, MetadataOutOfBudget, NoSuchObject, ObjectChanged, StorageUnavailable, Overloaded.
        """
        ...
