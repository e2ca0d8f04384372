"""S3 calls of the tests, with presigned URLs and a part whose last byte the test holds back."""

import base64
import hashlib
import http.client
import os
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch
from urllib.parse import urlsplit

from botocore.compat import get_current_datetime
from botocore.exceptions import ClientError

from tests.engines.embedded import EmbeddedStore
from tests.waiting import TIMEOUT_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

BUCKET = "slipway"
PAGE = "http://127.0.0.1:8000"
FOREIGN = "http://evil.example"
PART_SIZE_BYTES = 5 * 1024 * 1024
"""S3's minimum for all parts but the last."""

FULL_PART = os.urandom(PART_SIZE_BYTES)
OTHER_PART = os.urandom(PART_SIZE_BYTES)
SMALL_PART = b"the last part may be small"


@dataclass
class OpenUpload:
    """A multipart upload in progress."""

    store: EmbeddedStore
    object_key: str
    upload_id: str

    def put(self, part_number: int, body: bytes) -> str:
        answer = self.store.client().upload_part(
            Bucket=BUCKET, Key=self.object_key, UploadId=self.upload_id, PartNumber=part_number, Body=body
        )
        return answer["ETag"]

    def complete(self, etags: Sequence[str], **options: Any) -> str:
        parts: list[CompletedPartTypeDef] = [
            {"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)
        ]
        answer = self.store.client().complete_multipart_upload(
            Bucket=BUCKET,
            Key=self.object_key,
            UploadId=self.upload_id,
            MultipartUpload={"Parts": parts},
            **options,
        )
        return answer["ETag"]

    def abort(self) -> None:
        self.store.client().abort_multipart_upload(
            Bucket=BUCKET, Key=self.object_key, UploadId=self.upload_id
        )

    def listed_parts(self) -> list[int]:
        answer = self.store.client().list_parts(Bucket=BUCKET, Key=self.object_key, UploadId=self.upload_id)
        return [part["PartNumber"] for part in answer.get("Parts", [])]

    def presign_expired_part(self, part_number: int, size_bytes: int) -> str:
        """Return a URL signed an hour ago."""
        signed_at = get_current_datetime() - timedelta(hours=1)
        with patch("botocore.auth.get_current_datetime", return_value=signed_at):
            return self.presign_part(part_number, size_bytes)

    def presign_part(self, part_number: int, size_bytes: int) -> str:
        return self.store.client().generate_presigned_url(
            "upload_part",
            Params={
                "Bucket": BUCKET,
                "Key": self.object_key,
                "UploadId": self.upload_id,
                "PartNumber": part_number,
                "ContentLength": size_bytes,
            },
            ExpiresIn=900,
        )


def begin_upload(store: EmbeddedStore, object_key: str | None = None, **options: Any) -> OpenUpload:
    object_key = object_key or f"videos/{uuid.uuid4()}"
    created = store.client().create_multipart_upload(Bucket=BUCKET, Key=object_key, **options)
    return OpenUpload(store, object_key, created["UploadId"])


def make_object(
    store: EmbeddedStore, parts: Sequence[bytes] = (FULL_PART, SMALL_PART), object_key: str | None = None
) -> OpenUpload:
    """Upload and complete an object."""
    upload = begin_upload(store, object_key)
    upload.complete([upload.put(number, body) for number, body in enumerate(parts, start=1)])
    return upload


def read(store: EmbeddedStore, object_key: str) -> bytes:
    return store.client().get_object(Bucket=BUCKET, Key=object_key)["Body"].read()


class HeldPart:
    """A PUT of a part that has sent all bytes but the last."""

    def __init__(self, upload: OpenUpload, part_number: int, body: bytes) -> None:
        url = urlsplit(upload.presign_part(part_number, len(body)))
        assert url.hostname is not None
        self._last = body[-1:]
        self._connection = http.client.HTTPConnection(url.hostname, url.port, timeout=TIMEOUT_SECONDS)
        self._connection.putrequest("PUT", f"{url.path}?{url.query}")
        self._connection.putheader("Content-Length", str(len(body)))
        self._connection.endheaders()
        self._connection.send(body[:-1])

    def finish(self) -> int:
        """Send the last byte, and return the status of the response."""
        self._connection.send(self._last)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def error_code(call: Callable[[], object]) -> str:
    """Return the S3 error code that the call raises."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    raise AssertionError("the store answered without an error")


def content_md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode("ascii")


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll until the condition holds. Fail only after the timeout of the whole suite."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.02)


def object_folders(store: EmbeddedStore, name_part: str) -> list[Path]:
    """Return the folders on the store's disk of objects whose name contains this text."""
    return [path.parent for path in data_files(store) if name_part.encode() in metadata_of(path)]


def data_files(store: EmbeddedStore) -> list[Path]:
    return list((store.data_dir / "devices").rglob("*.data"))


def metadata_of(path: Path) -> bytes:
    return os.getxattr(path, "user.swift.metadata")
