"""The ObjectStorage port over any S3: boto3 in a bounded thread pool, its errors told in our words."""

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.adapters.s3_signing import S3UrlSigner
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
    PresignedPart,
    StoredObject,
    StoredPart,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadBucketOutputTypeDef

log = structlog.get_logger()
Result = TypeVar("Result")

_CALL_SECONDS = 7.0
"""What a request may spend on one call, retries included: the API promises 503 within 10 s, and a request writes to
the database before and after it, which in a crowd takes its time."""
_ASSEMBLY_READ_SECONDS = 300.0
"""CompleteMultipartUpload may take minutes (AWS API reference); it runs in the background."""


@dataclass(frozen=True)
class S3Connection:
    """Where the bucket is, and how patiently it is asked."""

    bucket: str
    region: str
    endpoint_url: str | None
    """None: AWS."""
    public_endpoint_url: str | None
    access_key_id: str | None
    """None: botocore's own chain."""
    secret_access_key: str | None
    threads: int
    queue: int
    connect_timeout_seconds: float
    read_timeout_seconds: float
    attempts: int

    def client(self, endpoint_url: str | None, read_timeout_seconds: float) -> "S3Client":
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": self._addressing_style(endpoint_url)},
            retries={"mode": "standard", "total_max_attempts": self.attempts},
            connect_timeout=self.connect_timeout_seconds,
            read_timeout=read_timeout_seconds,
            max_pool_connections=self.threads,
            # Newer SDK defaults add CRC32 trailers that other engines do not know.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client: S3Client = self._session.client("s3", endpoint_url=endpoint_url, config=config)
        return client

    def _addressing_style(self, endpoint_url: str | None) -> Literal["path", "virtual"]:
        # Engines behind an endpoint of their own seldom have a wildcard DNS name, and AWS's own wildcard
        # certificate covers no bucket name with dots. Not "auto": it presigns for the global host, which redirects
        # to the bucket's region at times, and a browser follows no redirect of a preflight.
        return "path" if endpoint_url or "." in self.bucket else "virtual"

    @cached_property
    def _session(self) -> boto3.Session:
        """One for all clients: it keeps the parsed description of S3, which takes a third of a second to read."""
        return boto3.Session(
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            region_name=self.region,
        )


def make_signer(connection: S3Connection) -> S3UrlSigner:
    """A signer for URLs as browsers use them."""
    public = connection.client(
        connection.public_endpoint_url or connection.endpoint_url, connection.read_timeout_seconds
    )
    # boto3 knows best whether the bucket stands in the host or in the path.
    example = public.generate_presigned_url("get_object", Params={"Bucket": connection.bucket, "Key": "key"})
    credentials = public._request_signer._credentials  # type: ignore[attr-defined]  # the client's own, renewing source
    return S3UrlSigner(credentials, connection.region, example.partition("?")[0].removesuffix("key"))


class S3Storage:
    """One bucket. Calls run in at most `threads` threads; beyond a bounded queue they are refused at once."""

    def __init__(self, connection: S3Connection, signer: S3UrlSigner) -> None:
        self._bucket = connection.bucket
        self._signer = signer
        self._client = connection.client(connection.endpoint_url, connection.read_timeout_seconds)
        self._patient_client = connection.client(connection.endpoint_url, _ASSEMBLY_READ_SECONDS)
        self._pool = ThreadPoolExecutor(connection.threads, thread_name_prefix="s3")
        self._most_pending = connection.threads + connection.queue
        self._pending = 0

    async def create_multipart_upload(
        self, object_key: str, content_type: str, content_disposition: str, metadata: Mapping[str, str]
    ) -> CreatedUpload:
        answer = await self._call(
            "create_multipart_upload",
            self._client.create_multipart_upload,
            Bucket=self._bucket,
            Key=object_key,
            ContentType=content_type,
            ContentDisposition=content_disposition,
            Metadata=dict(metadata),
        )
        plain = answer.get("ServerSideEncryption") in (None, "AES256")
        return CreatedUpload(
            _require_field(answer, "UploadId"), etags_are_md5=plain and "SSECustomerAlgorithm" not in answer
        )

    def presign_part(
        self,
        object_key: str,
        upload_id: str,
        part_number: int,
        size_bytes: int,
        now: datetime,
        ttl_seconds: int,
    ) -> PresignedPart:
        return self._signer.presign_part(object_key, upload_id, part_number, size_bytes, now, ttl_seconds)

    async def list_parts(self, object_key: str, upload_id: str) -> list[StoredPart]:
        parts: list[StoredPart] = []
        marker = 0
        while True:
            answer = await self._call(
                "list_parts",
                self._client.list_parts,
                Bucket=self._bucket,
                Key=object_key,
                UploadId=upload_id,
                PartNumberMarker=marker,
            )
            _require_field(answer, "UploadId")
            parts += [
                StoredPart(part["PartNumber"], part["Size"], part["ETag"], part["LastModified"])
                for part in answer.get("Parts", [])
            ]
            if not answer.get("IsTruncated"):
                return parts
            marker = answer["NextPartNumberMarker"]

    async def complete_multipart_upload(
        self, object_key: str, upload_id: str, parts: Sequence[StoredPart], *, only_if_new: bool
    ) -> None:
        arguments: dict[str, Any] = {"IfNoneMatch": "*"} if only_if_new else {}
        await self._call(
            "complete_multipart_upload",
            self._patient_client.complete_multipart_upload,
            time_limit=None,
            Bucket=self._bucket,
            Key=object_key,
            UploadId=upload_id,
            MultipartUpload={
                "Parts": [{"PartNumber": part.part_number, "ETag": part.etag} for part in parts]
            },
            MpuObjectSize=sum(part.size_bytes for part in parts),
            **arguments,
        )

    async def abort_multipart_upload(self, object_key: str, upload_id: str) -> None:
        try:
            await self._call(
                "abort_multipart_upload",
                self._client.abort_multipart_upload,
                Bucket=self._bucket,
                Key=object_key,
                UploadId=upload_id,
            )
        except NoSuchUpload:
            return

    async def head(self, object_key: str) -> StoredObject:
        answer = await self._call("head", self._client.head_object, Bucket=self._bucket, Key=object_key)
        return StoredObject(
            answer["ContentLength"],
            _require_field(answer, "ETag"),
            answer.get("ContentType", ""),
            answer["Metadata"],
        )

    async def read_range(self, object_key: str, start: int, length: int, etag: str | None) -> ObjectRange:
        def read() -> ObjectRange:
            arguments: dict[str, Any] = {"IfMatch": etag} if etag else {}
            answer = self._client.get_object(
                Bucket=self._bucket, Key=object_key, Range=f"bytes={start}-{start + length - 1}", **arguments
            )
            with answer["Body"] as body:
                data = body.read(length)
            # botocore takes a body that breaks off for a short one; the probe would take it for a truncated file.
            if "ContentRange" not in answer or len(data) != answer["ContentLength"]:
                raise StorageUnavailable
            return ObjectRange(data, int(answer["ContentRange"].rpartition("/")[2]), answer["ETag"])

        return await self._call("read_range", read)

    async def delete(self, object_key: str) -> None:
        try:
            await self._call("delete", self._client.delete_object, Bucket=self._bucket, Key=object_key)
        except NoSuchObject:
            return  # AWS answers 204 for what is gone, not every engine does

    async def put(self, object_key: str, data: bytes, content_type: str, *, only_if_new: bool) -> None:
        arguments: dict[str, Any] = {"IfNoneMatch": "*"} if only_if_new else {}
        await self._call(
            "put",
            self._client.put_object,
            Bucket=self._bucket,
            Key=object_key,
            Body=data,
            ContentType=content_type,
            **arguments,
        )

    async def list_uploads(self, prefix: str) -> AsyncIterator[OpenUpload]:
        markers: dict[str, Any] = {}
        while True:
            answer = await self._call(
                "list_uploads",
                self._client.list_multipart_uploads,
                Bucket=self._bucket,
                Prefix=prefix,
                **markers,
            )
            _require_field(answer, "Bucket")
            for upload in answer.get("Uploads", []):
                yield OpenUpload(upload["Key"], upload["UploadId"], upload["Initiated"])
            if not answer.get("IsTruncated"):
                return
            markers = {
                "KeyMarker": answer["NextKeyMarker"],
                "UploadIdMarker": answer["NextUploadIdMarker"],
            }

    async def list_objects(self, prefix: str) -> AsyncIterator[ListedObject]:
        token: dict[str, Any] = {}
        while True:
            answer = await self._call(
                "list_objects", self._client.list_objects_v2, Bucket=self._bucket, Prefix=prefix, **token
            )
            _require_field(answer, "Name")
            for item in answer.get("Contents", []):
                yield ListedObject(item["Key"], item["Size"], item["LastModified"])
            if not answer.get("IsTruncated"):
                return
            token = {"ContinuationToken": answer["NextContinuationToken"]}

    async def check(self) -> None:
        await self._head_bucket()

    async def server_time(self) -> datetime:
        answer = await self._head_bucket()
        try:
            told = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        except (KeyError, ValueError) as error:
            raise StorageUnavailable from error  # without its clock no age can be told
        return told.astimezone(UTC)

    async def _head_bucket(self) -> "HeadBucketOutputTypeDef":
        try:
            return await self._call("check", self._client.head_bucket, Bucket=self._bucket)
        except NoSuchObject as error:
            raise StorageUnavailable from error  # the bucket itself is missing: `slipway storage apply` makes it

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _call(
        self,
        operation: str,
        function: Callable[..., Result],
        *,
        time_limit: float | None = _CALL_SECONDS,
        **arguments: Any,
    ) -> Result:
        if self._pending >= self._most_pending:
            raise Overloaded
        self._pending += 1
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()

        def run() -> Result:
            if answer.done():
                raise _NobodyWaits  # given up on while it stood in the queue
            return function(**arguments)

        began = time.perf_counter()
        outcome = "error"
        work = self._pool.submit(run)
        work.add_done_callback(functools.partial(_in_loop, loop, functools.partial(self._settle, answer)))
        try:
            async with asyncio.timeout(time_limit):
                result = await answer
            outcome = "ok"
            return result
        except TimeoutError as error:
            raise StorageUnavailable from error
        except ClientError as error:
            _raise_ours(operation, error)
        except (BotoCoreError, OSError) as error:
            raise StorageUnavailable from error
        finally:
            STORAGE_CALL_SECONDS.labels(operation, outcome).observe(time.perf_counter() - began)

    def _settle(self, answer: "asyncio.Future[Result]", work: "Future[Result]") -> None:
        # Only now has the call left the queue or its thread: one that is given up on still counts until then, or a
        # store that never ends its answers would fill the queue without bound.
        self._pending -= 1
        if answer.done():
            return
        if work.cancelled():
            answer.cancel()
        elif error := work.exception():
            answer.set_exception(error)
        else:
            answer.set_result(work.result())


class _NobodyWaits(Exception):
    """Ends a call in its thread before it is made."""


def _in_loop(
    loop: asyncio.AbstractEventLoop, then: "Callable[[Future[Any]], None]", work: "Future[Any]"
) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(then, work)


def _require_field(answer: Mapping[str, Any], field: str) -> Any:
    """A field every answer of its kind holds. One without it is not the store's: a portal's page reads as an empty
    list, and an empty list as nothing stored."""
    if field not in answer:
        raise StorageUnavailable
    return answer[field]


_UPLOAD_CALLS = ("list_parts", "complete_multipart_upload", "abort_multipart_upload")
_OBJECT_CALLS = ("read_range", "delete")
_BARE_CALLS = ("head", "check")
"""A HEAD's answer has no body that could name the error."""
_PART_ERRORS = ("InvalidPart", "InvalidPartOrder", "EntityTooSmall", "InvalidRequest")


def _raise_ours(operation: str, error: ClientError) -> NoReturn:
    """Turns the answers we understand into ours; every other refusal means we cannot use the store."""
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    # Ceph answers NoSuchKey for an upload that is gone.
    if operation in _UPLOAD_CALLS and code in ("NoSuchUpload", "NoSuchKey"):
        raise NoSuchUpload from error
    if operation == "complete_multipart_upload" and code in _PART_ERRORS:
        raise InvalidPart from error
    if operation in ("complete_multipart_upload", "put") and status in (409, 412):
        raise ObjectExists from error
    if operation in _BARE_CALLS and status == 404:
        raise NoSuchObject from error
    if operation in _OBJECT_CALLS and code in ("NoSuchKey", "NoSuchUpload"):
        raise NoSuchObject from error
    if operation == "read_range" and status == 412:
        raise ObjectChanged from error
    log.error("storage.refused", operation=operation, status=status, code=code)
    raise StorageUnavailable from error
