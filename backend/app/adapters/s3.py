"""The ObjectStorage port on boto3, in a bounded thread pool. Translates boto3's errors into ours."""

import asyncio
import base64
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from app.adapters.s3_answers import (
    CONDITION,
    error_code,
    error_status,
    is_stores_answer,
    perhaps_refused,
)
from app.adapters.s3_connection import S3Connection, bucket_url, public_client, signer_at
from app.adapters.s3_outages import OutageLog
from app.adapters.s3_region import find_region, look_up
from app.adapters.s3_signing import S3UrlSigner
from app.adapters.s3_versions import BucketVersions
from app.core.metrics import STORAGE_CALL_SECONDS
from app.domain.errors import Overloaded, StorageUnavailable
from app.ports import (
    CreatedUpload,
    InvalidPart,
    ListedObject,
    NoSuchObject,
    NoSuchUpload,
    ObjectChanged,
    ObjectExists,
    ObjectRange,
    OpenUpload,
    StoredObject,
    StoredPart,
    Versions,
    VersionsKept,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, HeadBucketOutputTypeDef

log = structlog.get_logger()
Result = TypeVar("Result")

_CALL_SECONDS = 7.0
"""Longest call of a request, retries included. The API promises 503 within 10 s, and a request also writes to the
database before and after the call."""
_ASSEMBLY_READ_SECONDS = 300.0
"""CompleteMultipartUpload may take minutes (AWS API reference). It runs in the background."""

_WAITING_CHECKS = 4
"""A readiness check and the bucket's confirmation, each with one that was abandoned and has not left its thread."""

_ANSWERS = (InvalidPart, NoSuchObject, NoSuchUpload, ObjectChanged, ObjectExists, VersionsKept)
"""What a store says that works. After a removal, for example, it is asked whether the object is gone."""

_SAMPLE_PART = b"Is the ETag of this part its MD5?"


class _Lane:
    """A bounded pool of threads with a bounded queue."""

    def __init__(self, threads: int, queue: int) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="s3")
        self.slots = threading.Semaphore(threads + queue)


class S3Storage:
    """One bucket. Calls run in at most `threads` threads. If the queue is full, they raise Overloaded."""

    def __init__(self, connection: S3Connection, signer: S3UrlSigner) -> None:
        self._bucket = connection.bucket
        self._connection = connection
        self._signer = signer
        self._is_region_known = False
        self._region_lock = threading.Lock()
        self._outages = OutageLog(connection.endpoint_url or "AWS")
        self.presign_part = signer.presign_part
        self._client = connection.client(connection.endpoint_url, connection.read_timeout_seconds)
        self._own_signer = signer_at(self._client, connection)
        self._assembly_client = connection.client(connection.endpoint_url, _ASSEMBLY_READ_SECONDS)
        self._lane = _Lane(connection.threads, connection.queue)
        # Whether the store answers is a question of its own, whatever else waits for it, and costs others nothing.
        self._check_lane = _Lane(1, _WAITING_CHECKS)
        self._versions = BucketVersions(lambda: self._client, self._call, self._pages)
        self._refused_headers: dict[str, set[str]] = {}
        """By operation, the optional headers that this store was found to refuse."""

    async def create_multipart_upload(
        self, object_key: str, content_type: str, content_disposition: str, metadata: Mapping[str, str]
    ) -> CreatedUpload:
        answer = await self._call(
            "create_multipart_upload",
            self._client.create_multipart_upload,
            Key=object_key,
            ContentType=content_type,
            ContentDisposition=content_disposition,
            Metadata=dict(metadata),
        )
        plain = answer.get("ServerSideEncryption") in (None, "AES256")
        return CreatedUpload(
            _require_field(answer, "UploadId"), etags_are_md5=plain and "SSECustomerAlgorithm" not in answer
        )

    def presign_get(self, object_key: str, now: datetime, ttl_seconds: int) -> str:
        signer = self._own_signer
        signed_at = now.replace(microsecond=0)  # SigV4 dates have no fractions of a second
        expires_at = signer.valid_until(signed_at + timedelta(seconds=ttl_seconds), now)
        return signer.presign_get(object_key, {}, signed_at, int((expires_at - signed_at).total_seconds()))

    async def upload_part(self, object_key: str, upload_id: str, part_number: int, data: bytes) -> None:
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        await self._call(
            "upload_part",
            self._assembly_client.upload_part,
            time_limit=None,  # a slow line
            Key=object_key,
            UploadId=upload_id,
            PartNumber=part_number,
            Body=data,
            ContentMD5=base64.b64encode(digest).decode(),
        )

    async def list_parts(self, object_key: str, upload_id: str) -> list[StoredPart]:
        pages = self._pages(
            "list_parts",
            self._client.list_parts,
            "UploadId",
            {"PartNumberMarker": "NextPartNumberMarker"},
            Key=object_key,
            UploadId=upload_id,
        )
        return [
            StoredPart(part["PartNumber"], part["Size"], part["ETag"], part["LastModified"])
            async for page in pages
            for part in page.get("Parts", [])
        ]

    async def part_etags_are_md5(self, object_key: str) -> bool:
        key = f"{object_key}.etag"
        upload_id = (await self.create_multipart_upload(key, "text/plain", "attachment", {})).upload_id
        try:
            await self._call(
                "upload_part",
                self._client.upload_part,
                Key=key,
                UploadId=upload_id,
                PartNumber=1,
                Body=_SAMPLE_PART,
            )
            etags = [part.etag.strip('"').lower() for part in await self.list_parts(key, upload_id)]
        finally:
            await self.abort_multipart_upload(key, upload_id)
        return etags == [hashlib.md5(_SAMPLE_PART, usedforsecurity=False).hexdigest()]

    async def complete_multipart_upload(
        self, object_key: str, upload_id: str, parts: Sequence[StoredPart], *, only_if_new: bool
    ) -> None:
        named: list[CompletedPartTypeDef] = [
            {"PartNumber": part.part_number, "ETag": part.etag} for part in parts
        ]
        await self._write(
            "complete_multipart_upload",
            partial(
                self._assembly_client.complete_multipart_upload,
                UploadId=upload_id,
                MultipartUpload={"Parts": named},
            ),
            object_key,
            {"MpuObjectSize": sum(part.size_bytes for part in parts)},
            only_if_new=only_if_new,
            time_limit=None,
        )

    async def abort_multipart_upload(self, object_key: str, upload_id: str) -> None:
        try:
            await self._call(
                "abort_multipart_upload",
                self._client.abort_multipart_upload,
                Key=object_key,
                UploadId=upload_id,
            )
        except NoSuchUpload:
            return

    async def head(self, object_key: str) -> StoredObject:
        try:
            answer = await self._call("head", self._client.head_object, Key=object_key)
        except NoSuchObject as error:
            if not is_stores_answer(error.__cause__):
                await self._require_unlisted(object_key)
            raise
        return StoredObject(
            _require_field(answer, "ContentLength"),
            _strong(_require_field(answer, "ETag")),
            answer.get("ContentType", ""),
            # Header names have no case (RFC 9110, 5.1). Go proxies send X-Amz-Meta-..., and boto3 keeps that.
            {name.lower(): value for name, value in answer["Metadata"].items()},
        )

    async def _require_unlisted(self, object_key: str) -> None:
        """Raise StorageUnavailable unless a listing without the key confirms a 404 that a proxy may have sent.

        A listing has a body, which proves that the store answered.
        """
        page = await self._call("list_objects", self._client.list_objects_v2, Prefix=object_key, MaxKeys=1)
        _require_field(page, "Name")
        if object_key in (item["Key"] for item in page.get("Contents", [])):
            raise StorageUnavailable

    async def read_range(self, object_key: str, start: int, length: int, etag: str | None) -> ObjectRange:
        def read(**arguments: Any) -> ObjectRange:
            answer = self._client.get_object(**arguments)
            with answer["Body"] as body:
                data = body.read(length)
            # botocore returns a body that was cut off as a short one. The probe would report a truncated file.
            if len(data) != _require_field(answer, "ContentLength"):
                raise StorageUnavailable
            size = _require_field(answer, "ContentRange").rpartition("/")[2]
            if not size.isdecimal():
                raise StorageUnavailable
            return ObjectRange(data, int(size), _strong(_require_field(answer, "ETag")))

        arguments: dict[str, Any] = {"IfMatch": etag} if etag else {}
        requested = f"bytes={start}-{start + length - 1}"
        return await self._call("read_range", read, Key=object_key, Range=requested, **arguments)

    async def delete(self, object_key: str) -> None:
        try:
            await self._versions.delete(object_key)
        except NoSuchObject:
            return  # AWS answers 204 for a missing object, some engines don't
        except VersionsKept:
            with suppress(NoSuchObject):
                await self.head(object_key)
                # Nobody may read it any more. A second one would only add a delete marker.
                await self._call("delete", self._client.delete_object, Key=object_key)
            raise

    async def put(self, object_key: str, data: bytes, content_type: str, *, only_if_new: bool) -> None:
        send = partial(self._client.put_object, Body=data, ContentType=content_type)
        await self._write("put", send, object_key, {}, only_if_new=only_if_new)

    async def _write(
        self,
        operation: str,
        send: Callable[..., Any],
        object_key: str,
        headers: Mapping[str, Any],
        *,
        only_if_new: bool,
        time_limit: float | None = _CALL_SECONDS,
    ) -> None:
        """Write with If-None-Match and `headers`, or without those that this store refuses.

        If the store refuses If-None-Match, a HEAD before the write stands in.
        """
        headers = {**headers, CONDITION: "*"} if only_if_new else headers
        refused = self._refused_headers.setdefault(operation, set())
        taken = {name: value for name, value in headers.items() if name not in refused}
        call = partial(self._call, operation, send, time_limit=time_limit, Key=object_key)
        if only_if_new and CONDITION in refused:
            await self._require_free(object_key)
        try:
            await call(**taken)
        except (InvalidPart, ObjectExists, StorageUnavailable) as error:
            doubtful = perhaps_refused(error.__cause__, taken)
            if not doubtful:
                raise
            if CONDITION in doubtful:
                await self._require_free(object_key)
            await call(**{name: value for name, value in taken.items() if name not in doubtful})
            # The same write without them was accepted. A 400 of a proxy says nothing about the next one, and a
            # store that answers 412 may have seen an object that was removed before the HEAD.
            is_stores = is_stores_answer(error.__cause__) and not isinstance(error, ObjectExists)
            if is_stores or error_status(error.__cause__) in (405, 501):
                refused |= doubtful
                log.warning("storage.header_refused", operation=operation, headers=sorted(doubtful))

    async def _require_free(self, object_key: str) -> None:
        """Raise ObjectExists if there is an object at the key."""
        with suppress(NoSuchObject):
            await self.head(object_key)
            raise ObjectExists

    async def list_uploads(self, prefix: str) -> AsyncIterator[OpenUpload]:
        async for page in self._pages(
            "list_uploads",
            self._client.list_multipart_uploads,
            "Bucket",
            {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"},
            Prefix=prefix,
        ):
            for upload in page.get("Uploads", []):
                yield OpenUpload(upload["Key"], upload["UploadId"], upload["Initiated"])

    async def versions(self) -> Versions:
        return await self._versions.state()

    async def list_objects(self, prefix: str) -> AsyncIterator[ListedObject]:
        if await self._versions.can_be_listed():
            async for listed in self._versions.list_objects(prefix):
                yield listed
            return
        async for page in self._pages(
            "list_objects",
            self._client.list_objects_v2,
            "Name",
            {"ContinuationToken": "NextContinuationToken"},
            Prefix=prefix,
        ):
            for item in page.get("Contents", []):
                yield ListedObject(item["Key"], item["Size"], item["LastModified"])

    async def check(self) -> None:
        """Make a cheap request to the bucket. Until one succeeds, also use the region that the store names."""
        try:
            await self._call("check", self._check_bucket, lane=self._check_lane)
        except NoSuchObject as error:
            raise StorageUnavailable from error.__cause__

    def _check_bucket(self, Bucket: str) -> None:
        if self._is_region_known:
            _, refusal = look_up(self._client, Bucket)
        else:
            region, refusal = find_region(self._client_in, Bucket, self._connection.region)
            self._move(region)
            self._is_region_known = refusal is None
        if refusal:
            raise refusal

    def _client_in(self, region: str) -> "S3Client":
        if region == self._connection.region:
            return self._client
        moved = replace(self._connection, region=region)
        return moved.client(moved.endpoint_url, moved.read_timeout_seconds)

    def _move(self, region: str) -> None:
        """Send and sign for this region from now on."""
        with self._region_lock:
            if region == self._connection.region:
                return
            log.warning("storage.region_found", region=region, instead_of=self._connection.region)
            moved = replace(self._connection, region=region)
            self._client = moved.client(moved.endpoint_url, moved.read_timeout_seconds)
            self._assembly_client = moved.client(moved.endpoint_url, _ASSEMBLY_READ_SECONDS)
            self._signer.move(region, bucket_url(public_client(moved), moved.bucket))
            self._own_signer.move(region, bucket_url(self._client, moved.bucket))
            self._connection = moved

    async def server_time(self) -> datetime:
        answer = await self._head_bucket()
        try:
            now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        except (KeyError, ValueError) as error:
            raise StorageUnavailable from error  # no age can be computed
        return now.astimezone(UTC)

    async def _head_bucket(self) -> "HeadBucketOutputTypeDef":
        try:
            return await self._call("check", self._client.head_bucket)
        except NoSuchObject as error:
            raise StorageUnavailable from error.__cause__  # no bucket, `slipway storage apply` creates it

    async def _pages(
        self,
        operation: str,
        function: Callable[..., Mapping[str, Any]],
        required_field: str,
        next_page: Mapping[str, str],
        **arguments: Any,
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Yield every page. `next_page` maps arguments of the next request to fields of the last response."""
        while True:
            page = await self._call(operation, function, **arguments)
            _require_field(page, required_field)
            yield page
            if not page.get("IsTruncated"):
                return
            following = {argument: page[field] for argument, field in next_page.items() if field in page}
            if not following:
                raise StorageUnavailable
            arguments |= following

    def close(self) -> None:
        for lane in (self._lane, self._check_lane):
            lane.pool.shutdown(wait=False, cancel_futures=True)

    async def _call(
        self,
        operation: str,
        function: Callable[..., Result],
        *,
        time_limit: float | None = _CALL_SECONDS,
        lane: _Lane | None = None,
        **arguments: Any,
    ) -> Result:
        lane = lane or self._lane
        if not lane.slots.acquire(blocking=False):
            raise Overloaded
        is_awaited = True

        def run() -> Result:
            if not is_awaited:
                raise _CallerGone
            return function(Bucket=self._bucket, **arguments)

        began = time.perf_counter()
        outcome = "error"
        work = lane.pool.submit(run)
        # An abandoned call counts until it leaves the queue or its thread, so it is shielded from the cancellation.
        # Otherwise a store that never answers would let the queue grow without bound.
        work.add_done_callback(lambda _: lane.slots.release())
        answer = asyncio.wrap_future(work)
        answer.add_done_callback(_retrieve_error)
        try:
            with self._outages.watch(operation), _our_errors(operation):
                async with asyncio.timeout(time_limit):
                    result = await asyncio.shield(answer)
            outcome = "ok"
            return result
        except _ANSWERS:
            outcome = "answered"
            raise
        finally:
            is_awaited = False
            STORAGE_CALL_SECONDS.labels(operation, outcome).observe(time.perf_counter() - began)


@contextmanager
def _our_errors(operation: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        _raise_ours(operation, error)
    # botocore raises RuntimeError if renewed credentials have ended too.
    except (TimeoutError, BotoCoreError, OSError, RuntimeError) as error:
        raise StorageUnavailable from error


class _CallerGone(Exception):
    """The caller stopped waiting before the call left the queue."""


def _retrieve_error(answer: asyncio.Future[Any]) -> None:
    """Prevent asyncio's warning about the error of an abandoned call."""
    if not answer.cancelled():
        answer.exception()


def _strong(etag: str) -> str:
    """Return the store's ETag. A proxy that compresses marks it as weak, and If-Match never fits a weak one."""
    return etag.removeprefix("W/")


def _require_field(answer: Mapping[str, Any], field: str) -> Any:
    """Return a field that S3 always sends. Raise StorageUnavailable if it is missing.

    The HTML page of a captive portal would otherwise read as an empty list.
    """
    if field not in answer:
        raise StorageUnavailable
    return answer[field]


_UPLOAD_CALLS = ("upload_part", "list_parts", "complete_multipart_upload", "abort_multipart_upload")
_OBJECT_CALLS = ("read_range", "delete", "delete_version")
_BARE_CALLS = ("head", "check")
"""A HEAD response has no body with an error code."""
_PART_ERRORS = ("InvalidPart", "InvalidPartOrder", "EntityTooSmall", "InvalidRequest")


def _raise_ours(operation: str, error: ClientError) -> NoReturn:
    """Raise our error for an answer of S3, StorageUnavailable for one that we don't expect."""
    code = error_code(error)
    status = error_status(error)
    # Ceph answers NoSuchKey for a missing upload.
    if operation in _UPLOAD_CALLS and code in ("NoSuchUpload", "NoSuchKey"):
        raise NoSuchUpload from error
    if operation == "complete_multipart_upload" and code in _PART_ERRORS:
        raise InvalidPart from error
    is_stores = is_stores_answer(error)
    if operation in ("complete_multipart_upload", "put") and status in (409, 412) and is_stores:
        raise ObjectExists from error
    if operation in _BARE_CALLS and status == 404:
        raise NoSuchObject from error
    if operation in _OBJECT_CALLS and code in ("NoSuchKey", "NoSuchUpload", "NoSuchVersion"):
        raise NoSuchObject from error
    if operation == "read_range" and status == 412 and is_stores:
        raise ObjectChanged from error
    raise StorageUnavailable from error
