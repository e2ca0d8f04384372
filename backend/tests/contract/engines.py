"""The engines of the contract suite, and their known differences."""

import http.client
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from app.adapters.s3 import S3Storage
from app.adapters.s3_connection import S3Connection, make_signer
from app.ports import ObjectStorage
from tests.fakes import FakeClock, InMemoryStorage
from tests.waiting import TIMEOUT_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "slipway"
REGION = "us-east-1"


class Difference(StrEnum):
    """How an engine differs from the others. The suite asserts each difference, so it fails on an engine without it."""

    SECOND_COMPLETE_SUCCEEDS = "it returns the first answer, not NoSuchUpload"
    COMPLETE_OVERWRITES = "the object is overwritten"
    LISTED_AFTER_COMPLETE = "all its parts are still listed"
    UNNAMED_PART_IS_REFUSED = "Complete must name every part sent, else InvalidPart"
    COMPLETE_OF_NOTHING_IS_500 = "Complete of a missing upload returns 500"
    WRONG_TOTAL_IS_TAKEN = "x-amz-mp-object-size is ignored"


LINGERING = frozenset({Difference.SECOND_COMPLETE_SUCCEEDS, Difference.LISTED_AFTER_COMPLETE})
"""The fake behaves as the embedded store."""


class Engine(Protocol):
    name: str
    storage: ObjectStorage
    paged_storage: ObjectStorage
    """Return the bucket with listings in pages of two."""
    differences: frozenset[Difference]

    def now(self) -> datetime:
        """Return the engine's time."""
        ...

    def send(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> int:
        """Return the answer to a browser's request."""
        ...

    def content_disposition(self, object_key: str) -> str: ...


class MemoryEngine:
    """The fake that other tests use."""

    def __init__(self, *, lingers: bool = False) -> None:
        self.name = "memory that lingers" if lingers else "memory"
        self.differences = LINGERING if lingers else frozenset()
        self._clock = FakeClock()
        self._memory = InMemoryStorage(self._clock)
        self._memory.lingers = lingers
        self.storage: ObjectStorage = self._memory
        self.paged_storage: ObjectStorage = self._memory

    def now(self) -> datetime:
        return self._clock.now()

    def send(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> int:
        return self._memory.request(method, url, body, headers)

    def content_disposition(self, object_key: str) -> str:
        return self._memory.objects[object_key].content_disposition


class S3Engine:
    """The real adapter on a real engine."""

    def __init__(
        self,
        name: str,
        endpoint_url: str,
        access_key_id: str,
        secret_access_key: str,
        differences: frozenset[Difference],
    ) -> None:
        self.name = name
        self.differences = differences
        self.port = urlsplit(endpoint_url).port or 80
        self.connection = s3_connection(endpoint_url, access_key_id, secret_access_key)
        self.signer = make_signer(self.connection)
        self.client: S3Client = self.connection.client(endpoint_url, 60)
        self.client.create_bucket(Bucket=BUCKET)
        self._storage = S3Storage(self.connection, self.signer)
        self._paged_storage = S3Storage(self.connection, self.signer)
        list_in_pages_of_two(self._paged_storage)
        self.storage: ObjectStorage = self._storage
        self.paged_storage: ObjectStorage = self._paged_storage

    def now(self) -> datetime:
        return datetime.now(UTC)

    def send(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> int:
        return request(method, url, body, headers)[0]

    def content_disposition(self, object_key: str) -> str:
        return self.client.head_object(Bucket=BUCKET, Key=object_key)["ContentDisposition"]

    def close(self) -> None:
        self._storage.close()
        self._paged_storage.close()


def s3_connection(
    endpoint_url: str | None, access_key_id: str, secret_access_key: str, **changes: Any
) -> S3Connection:
    """Make the adapter as bootstrap does, with longer timeouts for a loaded test machine."""
    values: dict[str, Any] = {
        "bucket": BUCKET,
        "region": REGION,
        "endpoint_url": endpoint_url,
        "public_endpoint_url": None,
        "access_key_id": access_key_id,
        "secret_access_key": secret_access_key,
        "threads": 4,
        "queue": 16,
        "connect_timeout_seconds": 5.0,
        "read_timeout_seconds": 30.0,
        "attempts": 2,
        **changes,
    }
    return S3Connection(**values)


def list_in_pages_of_two(storage: S3Storage) -> None:
    """Ask for short pages through botocore's hook, because real pages contain 1000."""
    limits = {
        "ListParts": "MaxParts",
        "ListMultipartUploads": "MaxUploads",
        "ListObjectsV2": "MaxKeys",
        "ListObjectVersions": "MaxKeys",
    }

    def limit(name: str) -> Any:
        def change(params: dict[str, Any], **_: Any) -> dict[str, Any]:
            return {**params, name: 2}

        return change

    for operation, name in limits.items():
        # botocore's hook is on the client, which the adapter does not publish.
        storage._client.meta.events.register(f"provide-client-params.s3.{operation}", limit(name))


def request(
    method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Send a request with exactly these headers, and Content-Length if it has a body."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body or None, dict(headers or {}))
        answer = connection.getresponse()
        said = answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, said
    finally:
        connection.close()
