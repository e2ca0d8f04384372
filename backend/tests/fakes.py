"""Implement the ports in memory for tests.

InMemoryStorage passes the same contract suite as the real adapter (tests/contract/).
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from app.domain.errors import StorageUnavailable
from app.ports import (
    Clock,
    CreatedUpload,
    DeliveryUrl,
    FileToScan,
    InvalidPart,
    ListedObject,
    NoSuchObject,
    NoSuchUpload,
    ObjectChanged,
    ObjectExists,
    ObjectRange,
    OpenUpload,
    PresignedPart,
    ScanVerdict,
    StoredObject,
    StoredPart,
    Versions,
    VersionsKept,
)
from mediaprobe import Metadata

START_OF_TIME = datetime(2026, 1, 15, 12, 0, 0, tzinfo=UTC)
S3_MIN_PART_BYTES = 5 * 1024 * 1024
BUCKET_URL = "http://store.test/slipway/"

When = Literal["before", "after"]
"""With `before` the operation does not happen. With `after` it happens, but its answer is lost."""
Hook = Callable[[], Awaitable[None]]


class FakeClock:
    """The Clock port. Only a test moves the time."""

    def __init__(self, now: datetime = START_OF_TIME) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, delta: timedelta | None = None, *, minutes: float = 0, seconds: float = 0) -> None:
        self._now += (delta or timedelta()) + timedelta(minutes=minutes, seconds=seconds)


class Gate:
    """Stops an operation until the test releases it."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._open = asyncio.Event()

    async def reached(self) -> None:
        await self._reached.wait()

    def release(self) -> None:
        self._open.set()

    async def pass_through(self) -> None:
        self._reached.set()
        await self._open.wait()


@dataclass
class _Part:
    body: bytes
    etag: str
    last_modified: datetime


@dataclass
class _Upload:
    object_key: str
    upload_id: str
    content_type: str
    content_disposition: str
    metadata: Mapping[str, str]
    initiated_at: datetime
    parts: dict[int, _Part] = field(default_factory=dict)


@dataclass(frozen=True)
class InMemoryObject:
    """An object of the fake, which tests may read."""

    data: bytes
    etag: str
    content_type: str
    content_disposition: str
    metadata: Mapping[str, str]
    last_modified: datetime


class InMemoryStorage:
    """The ObjectStorage port. It refuses what AWS refuses.

    `fail_next` makes an operation fail, `hook_next` runs a test's code at an operation, `hold_next` stops an
    operation. Operations have the port's names. `calls` lists them in order.
    """

    def __init__(self, clock: Clock, *, small_parts: bool = False, etags_are_md5: bool = True) -> None:
        self._clock = clock
        self._small_parts = small_parts
        self.etags_are_md5 = etags_are_md5
        self.says_so = True
        """Whether the answer to create_multipart_upload names an encryption without MD5s."""
        self.new_etag: Callable[[], str] = lambda: secrets.token_hex(16)
        """Makes the ETag of a part if it is no MD5."""
        self._key = secrets.token_bytes(32)
        self._uploads: dict[str, _Upload] = {}
        self._finished: dict[str, _Upload] = {}
        self._planned: dict[tuple[str, When], deque[Hook]] = {}
        self.objects: dict[str, InMemoryObject] = {}
        self.calls: list[tuple[str, str]] = []
        """Pairs of operation and object key or prefix."""
        self.versions_state = Versions.NONE
        self.old_versions: dict[str, list[InMemoryObject]] = {}
        """Overwritten and deleted objects by key, if `versions_state` is not NONE."""
        self.lingers = False
        """Behave like the embedded store, which lists the parts of a completed upload while its object exists and
        answers another Complete as the first."""

    # --- for tests ----------------------------------------------------------------------------------------------

    def fail_next(
        self, operation: str, error: Exception | None = None, *, when: When = "before", times: int = 1
    ) -> None:
        """Let the next `times` calls of `operation` raise `error`, by default StorageUnavailable."""

        async def fail() -> None:
            raise error or StorageUnavailable

        for _ in range(times):
            self.hook_next(operation, fail, when=when)

    def hook_next(self, operation: str, hook: Hook, *, when: When = "before") -> None:
        """Run `hook` within the next call of `operation`, which raises what it raises."""
        self._planned.setdefault((operation, when), deque()).append(hook)

    def hold_next(self, operation: str, *, when: When = "before") -> Gate:
        """Stop the next call of `operation` until the gate is released."""
        gate = Gate()
        self.hook_next(operation, gate.pass_through, when=when)
        return gate

    def forget_plans(self) -> None:
        """Let all calls succeed again."""
        self._planned.clear()

    def count(self, operation: str) -> int:
        return sum(1 for called, _ in self.calls if called == operation)

    @property
    def open_uploads(self) -> list[OpenUpload]:
        return [OpenUpload(u.object_key, u.upload_id, u.initiated_at) for u in self._uploads.values()]

    def put_part(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> int:
        """Return the status of a browser's PUT to a part's URL, which is 200, 400, 403 or 404."""
        return self.request("PUT", url, body, headers)

    def request(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> int:
        """Answer any request to a part's URL. The store checks the signature first."""
        given = {name.lower(): value for name, value in (headers or {}).items()}
        parts = urlsplit(url)
        prefix = urlsplit(BUCKET_URL).path
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        object_key = unquote(parts.path.removeprefix(prefix))
        signed = {name: value for name, value in query.items() if name != "signature"}
        expected = self._signature(method, object_key, given.get("content-length", str(len(body))), signed)
        if not hmac.compare_digest(expected, query.get("signature", "")):
            return 403
        if self._clock.now() >= datetime.fromtimestamp(int(query["expires"]), UTC):
            return 403
        if given.get("content-length", str(len(body))) != str(len(body)):
            return 400
        if method == "GET":
            return 200 if object_key in self.objects else 404
        upload = self._uploads.get(query["uploadId"])
        if upload is None or upload.object_key != object_key:
            return 404
        if "content-md5" in given and given["content-md5"] != content_md5(body):
            return 400
        self._store(upload, int(query["partNumber"]), body)
        return 200

    def store_part(self, upload_id: str, part_number: int, body: bytes) -> None:
        """Store a part as a browser's PUT does."""
        self._store(self._uploads[upload_id], part_number, body)

    def store_late_part(self, object_key: str, upload_id: str, part_number: int, body: bytes) -> None:
        """Store a part that was in flight during the abort. AWS may then list the upload again."""
        upload = _Upload(object_key, upload_id, "", "", {}, self._clock.now())
        self._uploads[upload_id] = upload
        self._store(upload, part_number, body)

    def open_upload(
        self,
        object_key: str,
        content_type: str = "video/mp4",
        metadata: Mapping[str, str] | None = None,
        content_disposition: str = "attachment",
    ) -> str:
        """Create a multipart upload and return its ID."""
        upload_id = secrets.token_urlsafe(24)
        self._uploads[upload_id] = _Upload(
            object_key, upload_id, content_type, content_disposition, metadata or {}, self._clock.now()
        )
        return upload_id

    def store_object(
        self,
        object_key: str,
        data: bytes,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "video/mp4",
        content_disposition: str = "attachment",
    ) -> str:
        """Store an object and return its ETag."""
        etag = etag_of_parts([data])
        self._put_object(
            object_key,
            InMemoryObject(
                data, etag, content_type, content_disposition, dict(metadata or {}), self._clock.now()
            ),
        )
        return etag

    def _put_object(self, object_key: str, made: InMemoryObject) -> None:
        self._keep_version(object_key)
        self.objects[object_key] = made

    def _keep_version(self, object_key: str) -> None:
        found = self.objects.pop(object_key, None)
        if found is not None and self.versions_state is not Versions.NONE:
            self.old_versions.setdefault(object_key, []).append(found)

    # --- the port -----------------------------------------------------------------------------------------------

    async def create_multipart_upload(
        self, object_key: str, content_type: str, content_disposition: str, metadata: Mapping[str, str]
    ) -> CreatedUpload:
        await self._begin("create_multipart_upload", object_key)
        upload_id = self.open_upload(object_key, content_type, metadata, content_disposition)
        await self._end("create_multipart_upload")
        return CreatedUpload(upload_id, self.etags_are_md5 or not self.says_so)

    async def part_etags_are_md5(self, object_key: str) -> bool:
        await self._begin("part_etags_are_md5", object_key)
        await self._end("part_etags_are_md5")
        return self.etags_are_md5

    def presign_part(
        self,
        object_key: str,
        upload_id: str,
        part_number: int,
        size_bytes: int,
        now: datetime,
        ttl_seconds: int,
    ) -> PresignedPart:
        expires_at = now.replace(microsecond=0) + timedelta(seconds=ttl_seconds)
        query = {
            "partNumber": str(part_number),
            "uploadId": upload_id,
            "expires": str(int(expires_at.timestamp())),
        }
        query["signature"] = self._signature("PUT", object_key, str(size_bytes), query)
        return PresignedPart(
            part_number, f"{BUCKET_URL}{quote(object_key)}?{urlencode(query)}", size_bytes, expires_at
        )

    def presign_get(self, object_key: str, now: datetime, ttl_seconds: int) -> str:
        expires_at = now.replace(microsecond=0) + timedelta(seconds=ttl_seconds)
        query = {"expires": str(int(expires_at.timestamp()))}
        query["signature"] = self._signature("GET", object_key, "0", query)
        return f"{BUCKET_URL}{quote(object_key)}?{urlencode(query)}"

    async def upload_part(self, object_key: str, upload_id: str, part_number: int, data: bytes) -> None:
        await self._begin("upload_part", object_key)
        self._store(self._upload(object_key, upload_id), part_number, data)
        await self._end("upload_part")

    async def list_parts(self, object_key: str, upload_id: str) -> list[StoredPart]:
        await self._begin("list_parts", object_key)
        upload = self._lingering(object_key, upload_id) or self._upload(object_key, upload_id)
        listed = [
            StoredPart(number, len(part.body), part.etag, part.last_modified)
            for number, part in sorted(upload.parts.items())
        ]
        await self._end("list_parts")
        return listed

    async def complete_multipart_upload(
        self, object_key: str, upload_id: str, parts: Sequence[StoredPart], *, only_if_new: bool
    ) -> None:
        await self._begin("complete_multipart_upload", object_key)
        if self._lingering(object_key, upload_id):
            await self._end("complete_multipart_upload")
            return
        upload = self._upload(object_key, upload_id)
        if only_if_new and object_key in self.objects:
            raise ObjectExists
        bodies = self._bodies(upload, parts)
        made = InMemoryObject(
            b"".join(bodies),
            etag_of_parts(bodies),
            upload.content_type,
            upload.content_disposition,
            dict(upload.metadata),
            self._clock.now(),
        )
        self._put_object(object_key, made)
        self._finished[upload_id] = self._uploads.pop(upload_id)
        await self._end("complete_multipart_upload")

    async def abort_multipart_upload(self, object_key: str, upload_id: str) -> None:
        await self._begin("abort_multipart_upload", object_key)
        upload = self._uploads.get(upload_id)
        if upload is not None and upload.object_key == object_key:
            del self._uploads[upload_id]
        await self._end("abort_multipart_upload")

    async def head(self, object_key: str) -> StoredObject:
        await self._begin("head", object_key)
        found = self._object(object_key)
        await self._end("head")
        return StoredObject(len(found.data), found.etag, found.content_type, dict(found.metadata))

    async def read_range(self, object_key: str, start: int, length: int, etag: str | None) -> ObjectRange:
        await self._begin("read_range", object_key)
        found = self._object(object_key)
        if etag and found.etag != etag:
            raise ObjectChanged
        if start >= len(found.data):
            raise StorageUnavailable  # S3 answers 416, because the caller asked beyond the end
        await self._end("read_range")
        return ObjectRange(found.data[start : start + length], len(found.data), found.etag)

    async def delete(self, object_key: str) -> None:
        await self._begin("delete", object_key)
        self._keep_version(object_key)
        if self.versions_state is Versions.REMOVED:
            self.old_versions.pop(object_key, None)
        await self._end("delete")
        if object_key in self.old_versions:
            raise VersionsKept

    async def put(self, object_key: str, data: bytes, content_type: str, *, only_if_new: bool) -> None:
        await self._begin("put", object_key)
        if only_if_new and object_key in self.objects:
            raise ObjectExists
        made = InMemoryObject(data, f'"{md5_hex(data)}"', content_type, "", {}, self._clock.now())
        self._put_object(object_key, made)
        await self._end("put")

    async def list_uploads(self, prefix: str) -> AsyncIterator[OpenUpload]:
        await self._begin("list_uploads", prefix)
        found = sorted(
            (u for u in self._uploads.values() if u.object_key.startswith(prefix)),
            key=lambda u: (u.object_key, u.initiated_at),
        )
        await self._end("list_uploads")
        for upload in found:
            yield OpenUpload(upload.object_key, upload.upload_id, upload.initiated_at)

    async def list_objects(self, prefix: str) -> AsyncIterator[ListedObject]:
        await self._begin("list_objects", prefix)
        found = [
            self._listed(key)
            for key in sorted(self.objects.keys() | self._listed_versions().keys())
            if key.startswith(prefix)
        ]
        await self._end("list_objects")
        for listed in found:
            yield listed

    def _listed_versions(self) -> Mapping[str, list[InMemoryObject]]:
        return self.old_versions if self.versions_state is Versions.REMOVED else {}

    def _listed(self, object_key: str) -> ListedObject:
        current = self.objects.get(object_key)
        kept = [*self._listed_versions().get(object_key, []), *([current] if current else [])]
        newest = max(version.last_modified for version in kept)
        size_bytes = sum(len(version.data) for version in kept)
        return ListedObject(object_key, size_bytes, newest, is_current=current is not None)

    async def versions(self) -> Versions:
        await self._begin("versions", "")
        await self._end("versions")
        return self.versions_state

    async def check(self) -> None:
        await self._begin("check", "")
        await self._end("check")

    async def server_time(self) -> datetime:
        await self._begin("server_time", "")
        await self._end("server_time")
        return self._clock.now().replace(microsecond=0)

    # --- inside -------------------------------------------------------------------------------------------------

    async def _begin(self, operation: str, about: str) -> None:
        self.calls.append((operation, about))
        await asyncio.sleep(0)  # a real call lets other tasks run
        await self._run_planned(operation, "before")

    async def _end(self, operation: str) -> None:
        await self._run_planned(operation, "after")
        await asyncio.sleep(0)

    async def _run_planned(self, operation: str, when: When) -> None:
        planned = self._planned.get((operation, when))
        if planned:
            await planned.popleft()()

    def _upload(self, object_key: str, upload_id: str) -> _Upload:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.object_key != object_key:
            raise NoSuchUpload
        return upload

    def _lingering(self, object_key: str, upload_id: str) -> _Upload | None:
        upload = self._finished.get(upload_id) if self.lingers and object_key in self.objects else None
        return upload if upload and upload.object_key == object_key else None

    def _object(self, object_key: str) -> InMemoryObject:
        try:
            return self.objects[object_key]
        except KeyError:
            raise NoSuchObject from None

    def _bodies(self, upload: _Upload, parts: Sequence[StoredPart]) -> list[bytes]:
        numbers = [part.part_number for part in parts]
        if not numbers or numbers != sorted(set(numbers)):
            raise InvalidPart
        bodies = []
        for part in parts:
            kept = upload.parts.get(part.part_number)
            if kept is None or kept.etag != part.etag or len(kept.body) != part.size_bytes:
                raise InvalidPart
            bodies.append(kept.body)
        if not self._small_parts and any(len(body) < S3_MIN_PART_BYTES for body in bodies[:-1]):
            raise InvalidPart
        return bodies

    def _store(self, upload: _Upload, part_number: int, body: bytes) -> None:
        digest = md5_hex(body) if self.etags_are_md5 else self.new_etag()
        upload.parts[part_number] = _Part(body, f'"{digest}"', self._clock.now())

    def _signature(self, method: str, object_key: str, length: str, query: Mapping[str, str]) -> str:
        signed = repr((method, object_key, length, sorted(query.items())))
        return hmac.new(self._key, signed.encode(), hashlib.sha256).hexdigest()


def some_metadata(
    container: str = "mp4",
    *,
    duration_ms: int | None = 12_345,
    audio_codec: str | None = "aac",
    frame_rate: float | None = 25.0,
) -> Metadata:
    """Return what the reader finds in an ordinary video. Without a frame rate the metadata is incomplete."""
    return Metadata(
        container=container,
        size_bytes=1024,
        fragmented=False,
        truncated=False,
        available_percent=None,
        duration_ms=duration_ms,
        duration_source="header",
        width=1920,
        height=1080,
        coded_width=1920,
        coded_height=1080,
        sar="1:1",
        rotation=0,
        mirrored=False,
        crop=None,
        video_codec="h264",
        audio_codec=audio_codec,
        frame_rate=frame_rate,
        vfr=False,
        bit_rate=4_000_000,
        hdr="sdr",
        dolby_vision=False,
        color_primaries=None,
        color_transfer=None,
        color_matrix=None,
        audio_channels=2,
        audio_sample_rate=48_000,
    )


class FakeProbe:
    """The MediaProbe port. It returns `answers` in order and then `usual`."""

    def __init__(self) -> None:
        self.usual: Metadata | Exception = some_metadata()
        self.answers: deque[Metadata | Exception] = deque()
        self.calls: list[tuple[str, str]] = []
        """Pairs of object key and ETag."""
        self._gates: deque[Gate] = deque()

    def hold_next(self) -> Gate:
        gate = Gate()
        self._gates.append(gate)
        return gate

    async def probe(self, object_key: str, etag: str) -> Metadata:
        self.calls.append((object_key, etag))
        await asyncio.sleep(0)
        if self._gates:
            await self._gates.popleft().pass_through()
        answer = self.answers.popleft() if self.answers else self.usual
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeScanner:
    """The Scanner port. It gives `answers` in order and then `usual`."""

    def __init__(self) -> None:
        self.usual: ScanVerdict | Exception = ScanVerdict("clean")
        self.answers: deque[ScanVerdict | Exception] = deque()
        self.files: list[FileToScan] = []
        """What it was asked."""
        self.cleared: set[uuid.UUID] = set()
        """The videos that it called clean."""
        self._gates: deque[Gate] = deque()

    def hold_next(self) -> Gate:
        gate = Gate()
        self._gates.append(gate)
        return gate

    async def scan(self, file: FileToScan) -> ScanVerdict:
        self.files.append(file)
        await asyncio.sleep(0)
        if self._gates:
            await self._gates.popleft().pass_through()
        answer = self.answers.popleft() if self.answers else self.usual
        if isinstance(answer, Exception):
            raise answer
        if answer.verdict == "clean":
            self.cleared.add(file.video_id)
        return answer


class FakeDelivery:
    """The DeliveryUrls port. URLs are readable and live for an hour."""

    LIFE = timedelta(hours=1)

    def url_for(self, object_key: str, filename: str, now: datetime) -> DeliveryUrl:
        return DeliveryUrl(
            f"https://delivery.test/{quote(object_key)}?as={quote(filename, safe='')}", now + self.LIFE
        )


def md5_hex(body: bytes) -> str:
    """Return the MD5 as the page sends it to `complete`."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def content_md5(body: bytes) -> str:
    """Return the MD5 as the page sends it in Content-MD5."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def etag_of_parts(bodies: Sequence[bytes]) -> str:
    digests = b"".join(hashlib.md5(body, usedforsecurity=False).digest() for body in bodies)
    return f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(bodies)}"'
