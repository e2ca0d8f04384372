"""Buckets that keep versions, on Ceph and on the fake."""

import itertools
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import pytest
from prometheus_client import REGISTRY

from app.adapters.s3 import S3Storage
from app.adapters.s3_connection import make_signer
from app.domain.errors import StorageUnavailable
from app.ports import NoSuchObject, ObjectStorage, Versions, VersionsKept
from tests.contract.engines import S3Engine, list_in_pages_of_two
from tests.engines.fault_proxy import FaultProxy
from tests.engines.faults import Answer, Match, s3_error
from tests.fakes import FakeClock, InMemoryStorage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Status = Literal["Enabled", "Suspended"]
DENIED = s3_error(403, "AccessDenied")
ASKING = Match("GET", query={"versioning": None})
LISTING = Match("GET", query={"versions": None})
DELETING = Match("DELETE", query={"versionId": None})
LOCK = Match("GET", query={"object-lock": None})
HTML = Answer(404, b"<html><body>Not Found</body></html>")
_names = itertools.count()


@dataclass
class Bucket:
    """A bucket of its own on Ceph, behind a proxy."""

    client: "S3Client"
    name: str
    proxy: FaultProxy
    storage: S3Storage

    def keep_versions(self, status: Status = "Enabled") -> None:
        # A bucket without any version has none that are old.
        statuses: tuple[Status, ...] = ("Enabled", status)
        for each in dict.fromkeys(statuses):
            self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": each})

    def entries(self, prefix: str) -> list[str]:
        """Return the keys of versions and delete markers."""
        page = self.client.list_object_versions(Bucket=self.name, Prefix=prefix)
        return [entry["Key"] for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]]


@pytest.fixture
def bucket(ceph_engine: S3Engine) -> Iterator[Bucket]:
    yield from _bucket(ceph_engine, has_lock=False)


@pytest.fixture
def locked_bucket(ceph_engine: S3Engine) -> Iterator[Bucket]:
    yield from _bucket(ceph_engine, has_lock=True)


def _bucket(ceph_engine: S3Engine, *, has_lock: bool) -> Iterator[Bucket]:
    name = f"versions-{next(_names)}"
    ceph_engine.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=has_lock)
    with FaultProxy(ceph_engine.port) as proxy:
        connection = replace(ceph_engine.connection, bucket=name, endpoint_url=proxy.origin)
        storage = S3Storage(connection, make_signer(connection))
        list_in_pages_of_two(storage)
        yield Bucket(ceph_engine.client, name, proxy, storage)
        storage.close()


@pytest.fixture(params=["memory", "Enabled", "Suspended"])
async def keeping(request: pytest.FixtureRequest) -> AsyncIterator[ObjectStorage]:
    """A store whose bucket keeps versions, or kept them until now."""
    if request.param == "memory":
        memory = InMemoryStorage(FakeClock())
        memory.versions_state = Versions.REMOVED
        yield memory
        return
    bucket: Bucket = request.getfixturevalue("bucket")
    bucket.keep_versions(request.param)
    yield bucket.storage


def kept_metric() -> float | None:
    return REGISTRY.get_sample_value("slipway_storage_versions_kept")


def new_key() -> str:
    return f"videos/{uuid.uuid4()}/a.mp4"


async def write(storage: ObjectStorage, key: str, *bodies: bytes) -> None:
    for body in bodies:
        await storage.put(key, body, "video/mp4", only_if_new=False)


async def listed(storage: ObjectStorage, prefix: str) -> list[tuple[str, int, bool]]:
    found = [item async for item in storage.list_objects(prefix)]
    return [(item.object_key, item.size_bytes, item.is_current) for item in found]


async def test_delete_removes_every_version_of_its_key_alone(keeping: ObjectStorage) -> None:
    key = new_key()
    await write(keeping, key, b"1", b"22", b"333")
    await write(keeping, f"{key}.longer", b"another")

    for _ in range(2):
        await keeping.delete(key)

        with pytest.raises(NoSuchObject):
            await keeping.head(key)
        assert await listed(keeping, key) == [(f"{key}.longer", 7, True)]


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
async def test_delete_leaves_neither_version_nor_marker(bucket: Bucket, status: Status) -> None:
    key = new_key()
    bucket.keep_versions()
    await write(bucket.storage, key, b"1", b"22", b"333")
    bucket.client.delete_object(Bucket=bucket.name, Key=key)
    bucket.keep_versions(status)
    await write(bucket.storage, key, b"4444")
    bucket.client.delete_object(Bucket=bucket.name, Key=key)

    await bucket.storage.delete(key)

    assert bucket.entries("") == []


async def test_lists_deleted_objects_that_have_versions(bucket: Bucket) -> None:
    """Also where a key's versions continue on the next page."""
    bucket.keep_versions()
    prefix = f"videos/{uuid.uuid4()}/"
    await write(bucket.storage, f"{prefix}a", b"1", b"22")
    await write(bucket.storage, f"{prefix}b", b"1", b"22", b"333", b"4444")
    await write(bucket.storage, f"{prefix}c", b"1")
    for key in ("b", "marker alone"):
        bucket.client.delete_object(Bucket=bucket.name, Key=f"{prefix}{key}")

    assert await listed(bucket.storage, prefix) == [
        (f"{prefix}a", 3, True),
        (f"{prefix}b", 10, False),
        (f"{prefix}c", 1, True),
    ]


@pytest.mark.parametrize("refused", [None, DENIED, HTML], ids=["not asked again", "refused", "by a proxy"])
async def test_delete_learns_that_versions_are_kept(bucket: Bucket, refused: Answer | None) -> None:
    """Versioning may be enabled while the process runs, and the store may not say so."""
    if refused:
        bucket.proxy.fault(ASKING, refused, times=None)
    await bucket.storage.delete(new_key())
    bucket.keep_versions()
    key = new_key()
    await write(bucket.storage, key, b"1", b"22")

    await bucket.storage.delete(key)

    assert bucket.entries("") == []


@pytest.mark.parametrize("match", [LISTING, DELETING], ids=["list", "delete"])
@pytest.mark.parametrize(
    "refusal", [DENIED, s3_error(501, "NotImplemented"), s3_error(400, "ObjectLocked")], ids=str
)
async def test_says_that_versions_stay_and_hides_the_object(
    bucket: Bucket, match: Match, refusal: Answer
) -> None:
    bucket.keep_versions()
    key = new_key()
    await write(bucket.storage, key, b"1", b"22")
    rule = bucket.proxy.fault(match, refusal, times=None)

    for _ in range(2):
        with pytest.raises(VersionsKept):
            await bucket.storage.delete(key)
        assert kept_metric() == 1
        with pytest.raises(NoSuchObject):
            await bucket.storage.head(key)
        assert bucket.entries(key) == [key, key, key], "two versions and one delete marker"

    bucket.proxy.withdraw(rule)
    await bucket.storage.delete(key)
    assert bucket.entries(key) == []
    assert kept_metric() == 0


async def test_lists_objects_if_versions_cannot_be_listed(bucket: Bucket) -> None:
    bucket.keep_versions()
    key = new_key()
    await write(bucket.storage, key, b"1", b"22")
    bucket.proxy.fault(LISTING, DENIED, times=None)

    assert await listed(bucket.storage, key) == [(key, 2, True)]


@pytest.mark.parametrize(
    ("status", "faults", "expected"),
    [
        (None, [], Versions.NONE),
        ("Enabled", [], Versions.REMOVED),
        ("Suspended", [], Versions.REMOVED),
        ("Enabled", [(LISTING, DENIED)], Versions.KEPT),
        ("Enabled", [(DELETING, DENIED)], Versions.KEPT),
        ("Enabled", [(DELETING, s3_error(400, "InvalidArgument"))], Versions.REMOVED),
        ("Enabled", [(LOCK, DENIED)], Versions.REMOVED),
        ("Enabled", [(LOCK, s3_error(501, "NotImplemented"))], Versions.REMOVED),
        (None, [(ASKING, s3_error(501, "NotImplemented"))], Versions.NONE),
        (None, [(ASKING, s3_error(405, "MethodNotAllowed"))], Versions.NONE),
        # A store that finds calls by their path.
        (None, [(ASKING, s3_error(404, "NoSuchKey"))], Versions.NONE),
        (None, [(ASKING, s3_error(404, "NoSuchBucket"))], Versions.UNKNOWN),
        (None, [(ASKING, Answer(403, b"<html><body>Forbidden</body></html>"))], Versions.UNKNOWN),
        ("Enabled", [(ASKING, DENIED)], Versions.UNKNOWN),
        ("Enabled", [(ASKING, HTML)], Versions.UNKNOWN),
        ("Enabled", [(LOCK, HTML)], Versions.UNKNOWN),
    ],
)
async def test_tells_what_happens_to_versions(
    bucket: Bucket, status: Status | None, faults: list[tuple[Match, Answer]], expected: Versions
) -> None:
    if status:
        bucket.keep_versions(status)
    for match, answer in faults:
        bucket.proxy.fault(match, answer, times=None)

    assert await bucket.storage.versions() is expected
    assert bucket.entries("") == []
    if expected is not Versions.UNKNOWN:
        assert kept_metric() == (expected is Versions.KEPT)


@pytest.mark.parametrize(
    "passing",
    [s3_error(400, "ExpiredToken"), s3_error(429, "TooManyRequests"), s3_error(503, "SlowDown")],
    ids=str,
)
async def test_answer_that_will_change_says_nothing_about_versions(bucket: Bucket, passing: Answer) -> None:
    bucket.proxy.fault(ASKING, passing, times=None)

    with pytest.raises(StorageUnavailable):
        await bucket.storage.versions()


async def test_tells_that_a_bucket_has_object_lock(locked_bucket: Bucket) -> None:
    assert await locked_bucket.storage.versions() is Versions.LOCKED
