"""Define the protocols that adapters implement for the use cases, and the values that they exchange."""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from mediaprobe import Metadata


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the time, aware and in UTC."""


class LimitCounters(Protocol):
    """Counters that end by themselves. A database raises DatabaseUnavailable."""

    async def hit(self, key: str, seconds: int) -> int:
        """Add one, and return the sum. The first hit begins a window of `seconds`, after which the sum is 0 again."""

    async def count(self, key: str) -> int:
        """Return the sum of the window, 0 without one."""

    async def seconds_left(self, key: str) -> float:
        """Return the time until the window ends, 0 without one."""

    async def clear(self, key: str) -> None:
        """End the window."""

    async def close(self) -> None: ...


@dataclass(frozen=True)
class StoredPart:
    """A part as the store lists it."""

    part_number: int
    size_bytes: int
    etag: str
    """With the quotes that the store sent."""
    last_modified: datetime


@dataclass(frozen=True)
class StoredObject:
    size_bytes: int
    etag: str
    content_type: str
    metadata: Mapping[str, str]
    """Names in lower case."""


@dataclass(frozen=True)
class ObjectRange:
    """Bytes of an object and the size of the whole object."""

    data: bytes
    total_bytes: int
    etag: str


@dataclass(frozen=True)
class CreatedUpload:
    upload_id: str
    etags_are_md5: bool
    """False if the store says that part ETags are no MD5s, as with SSE-KMS. True proves nothing."""


@dataclass(frozen=True)
class OpenUpload:
    """A multipart upload that is neither completed nor aborted."""

    object_key: str
    upload_id: str
    initiated_at: datetime


@dataclass(frozen=True)
class ListedObject:
    object_key: str
    size_bytes: int
    """Of all versions that the store keeps."""
    last_modified: datetime
    is_current: bool = True
    """False if the object is deleted and the store keeps versions of it."""


class Versions(StrEnum):
    """What happens to the versions that a bucket keeps of deleted and overwritten objects."""

    NONE = "none"
    """The bucket keeps none."""
    REMOVED = "removed"
    """We delete them."""
    KEPT = "kept"
    """The store refuses to list or delete them."""
    LOCKED = "locked"
    """The bucket has object lock."""
    UNKNOWN = "unknown"
    """The store does not say whether it keeps any."""


@dataclass(frozen=True)
class PresignedPart:
    """A URL that accepts one part of exactly this length until `expires_at`."""

    part_number: int
    url: str = field(repr=False)
    size_bytes: int
    expires_at: datetime


class NoSuchUpload(Exception):
    """The store does not know this multipart upload."""


class NoSuchObject(Exception):
    """The store has no object at this key."""


class ObjectChanged(Exception):
    """The object at this key has another ETag."""


class InvalidPart(Exception):
    """A part of a Complete is missing or has another ETag or size."""


class VersionsKept(Exception):
    """The object is deleted, but the store keeps versions of it and refuses to delete them."""


class ObjectExists(Exception):
    """A conditional write found an object at the key or a concurrent write."""


class ReaderNotStarted(Exception):
    """This machine could not start the metadata reader, which says nothing about the file."""


class ReaderCrashed(Exception):
    """The metadata reader crashed or said nonsense. `reason` is for the log."""

    def __init__(self, container: str | None, reason: str) -> None:
        super().__init__(reason)
        self.container = container
        self.reason = reason


class ScannerUnavailable(Exception):
    """The scanner gave no clear verdict. `reason` is for the log and names no URL."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ObjectStorage(Protocol):
    """An S3 bucket.

    Every call but presigning raises StorageUnavailable if the store does not answer in time, answers 5xx or refuses
    access, and Overloaded if too many calls wait.
    """

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
        """Sign method, key, upload ID, part number and Content-Length, without a request."""

    def presign_get(self, object_key: str, now: datetime, ttl_seconds: int) -> str:
        """Return a URL that reads the object at the server's own endpoint, without a request.

        Raise StorageUnavailable if there are no valid credentials.
        """

    async def upload_part(self, object_key: str, upload_id: str, part_number: int, data: bytes) -> None:
        """Send one part, which the store compares with its MD5. Raise NoSuchUpload."""

    async def list_parts(self, object_key: str, upload_id: str) -> list[StoredPart]:
        """Return all parts in order. Raise NoSuchUpload."""

    async def part_etags_are_md5(self, object_key: str) -> bool:
        """Send a small part to an upload beside this key, and return whether its ETag is its MD5."""

    async def complete_multipart_upload(
        self, object_key: str, upload_id: str, parts: Sequence[StoredPart], *, only_if_new: bool
    ) -> None:
        """Assemble these parts, which may take minutes. `only_if_new` sends `If-None-Match: *`.

        Raise NoSuchUpload, InvalidPart, ObjectExists.
        """

    async def abort_multipart_upload(self, object_key: str, upload_id: str) -> None:
        """Abort the upload. Succeed if the store does not know it."""

    async def head(self, object_key: str) -> StoredObject:
        """Raise NoSuchObject."""

    async def read_range(self, object_key: str, start: int, length: int, etag: str | None) -> ObjectRange:
        """Return up to `length` bytes from `start`, fewer at the end of the object.

        Raise NoSuchObject, or ObjectChanged if the object does not have `etag`.
        """

    async def delete(self, object_key: str) -> None:
        """Delete the object with all its versions. Succeed if there is none. Raise VersionsKept."""

    async def put(self, object_key: str, data: bytes, content_type: str, *, only_if_new: bool) -> None:
        """Write a small object in one request. If `only_if_new`, raise ObjectExists if there is one."""

    def list_uploads(self, prefix: str) -> AsyncIterator[OpenUpload]: ...

    def list_objects(self, prefix: str) -> AsyncIterator[ListedObject]:
        """Yield also deleted objects of which the store keeps versions, if we may list these."""

    async def versions(self) -> Versions:
        """Return what happens to versions in this bucket."""

    async def check(self) -> None:
        """Make one cheap request to the bucket."""

    async def server_time(self) -> datetime:
        """Return the store's clock in whole seconds, for comparison with the times of parts and objects."""


@dataclass(frozen=True)
class DeliveryUrl:
    url: str = field(repr=False)
    expires_at: datetime


class DeliveryUrls(Protocol):
    def url_for(self, object_key: str, filename: str, now: datetime) -> DeliveryUrl:
        """Return a URL to read the object. It stays the same until a quarter of its life is left."""


class MediaProbe(Protocol):
    async def probe(self, object_key: str, etag: str) -> Metadata:
        """Read the metadata of the object with this ETag.

        Raise mediaprobe.ProbeError, ReaderCrashed, ReaderNotStarted, NoSuchObject, ObjectChanged,
        StorageUnavailable, Overloaded.
        """


@dataclass(frozen=True)
class FileToScan:
    """What a scanner is told of a file."""

    video_id: uuid.UUID
    url: str
    """A presigned GET. Whoever has it can read the file."""
    size_bytes: int
    content_type: str


@dataclass(frozen=True)
class ScanVerdict:
    verdict: Literal["clean", "infected"]
    signature: str | None = None
    """The scanner's name for what it found, printable and bounded."""


class Scanner(Protocol):
    async def scan(self, file: FileToScan) -> ScanVerdict:
        """Return what the scanner clearly said. Raise ScannerUnavailable for everything else.

        The caller limits the time, and may cancel the scan at any moment.
        """
