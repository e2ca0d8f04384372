"""What the holder of a signed URL cannot do with it, on each real engine."""

import http.client
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from app.adapters.delivery import PresignedDelivery
from tests.contract import rgw_headers
from tests.contract.engines import BUCKET, S3Engine, request
from tests.contract.test_object_storage import (
    BODY,
    FULL_PART,
    TOKEN,
    Upload,
    begin,
    make_object,
    upload_ids,
    whole,
    with_query,
)
from tests.waiting import TIMEOUT_SECONDS

REFUSED = (400, 403, 404, 405, 411, 501)

CHANGES_OF_A_PART: dict[str, Callable[[str], str]] = {
    "another time of signing": lambda url: with_query(url, X_Amz_Date="20300101T000000Z"),
    "another key's scope": lambda url: url.replace("us-east-1", "eu-west-1"),
    "the length no longer signed": lambda url: with_query(url, X_Amz_SignedHeaders="host"),
    "another algorithm": lambda url: with_query(url, X_Amz_Algorithm="AWS4-HMAC-SHA1"),
    "a part number of another writing": lambda url: url.replace("partNumber=1", "partNumber=01"),
    "a second part number": lambda url: url.replace("partNumber=1", "partNumber=1&partNumber=2"),
    "no part number": lambda url: url.replace("partNumber=1&", ""),
    "another operation": lambda url: f"{url}&acl",
    "tags": lambda url: f"{url}&tagging",
    "a version": lambda url: f"{url}&versionId=null",
    "an append of RGW": lambda url: f"{url}&append&position=0",
    "a system request of RGW": lambda url: f"{url}&rgwx-uid=test",
    "a manifest of Swift": lambda url: f"{url}&multipart-manifest=put",
    "a key in a folder above": lambda url: url.replace(f"/{BUCKET}/", f"/{BUCKET}/videos/../"),
    "another bucket": lambda url: url.replace(f"/{BUCKET}/", f"/{BUCKET}2/"),
}


@pytest.mark.parametrize("change", CHANGES_OF_A_PART)
async def test_changed_part_url_is_refused(s3_engine: S3Engine, change: str) -> None:
    upload = await begin(s3_engine)
    url = CHANGES_OF_A_PART[change](upload.presign(1, len(BODY)).url)
    assert url != upload.presign(1, len(BODY)).url

    assert s3_engine.send("PUT", url, BODY) in REFUSED
    assert await upload.parts() == []


async def test_url_of_another_host_is_refused(s3_engine: S3Engine) -> None:
    upload = await begin(s3_engine)
    url = upload.presign(1, len(BODY)).url

    assert s3_engine.send("PUT", url, BODY, {"Host": "elsewhere.example"}) == 403
    assert await upload.parts() == []


CHANGES_OF_A_DELIVERY: dict[str, Callable[[str], str]] = {
    "a longer life": lambda url: url.replace("X-Amz-Expires=3600", "X-Amz-Expires=36000"),
    "a page in place of a download": lambda url: url.replace("attachment", "inline"),
    "another type": lambda url: f"{url}&response-content-type=text%2Fhtml",
    "another operation": lambda url: f"{url}&acl",
    "a listing of Swift": lambda url: f"{url}&format=json",
    "a manifest of Swift": lambda url: f"{url}&multipart-manifest=get",
    "the uploads": lambda url: f"{url}&uploads",
    "the bucket": lambda url: url.replace(urlsplit(url).path, f"/{BUCKET}"),
}


@pytest.mark.parametrize("change", CHANGES_OF_A_DELIVERY)
async def test_changed_delivery_url_is_refused(s3_engine: S3Engine, change: str) -> None:
    made = await make_object(s3_engine)
    url = delivery_url(s3_engine, made.object_key)
    changed = CHANGES_OF_A_DELIVERY[change](url)
    assert changed != url

    status, _, body = request("GET", changed)

    assert status in REFUSED
    assert BODY not in body


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
async def test_delivery_url_only_reads(s3_engine: S3Engine, method: str) -> None:
    made = await make_object(s3_engine)

    body = b"" if method == "DELETE" else b"other bytes"
    assert s3_engine.send(method, delivery_url(s3_engine, made.object_key), body) in REFUSED

    assert await whole(s3_engine.storage, made.object_key) == BODY


async def test_ended_delivery_url_is_refused(s3_engine: S3Engine) -> None:
    made = await make_object(s3_engine)

    url = delivery_url(s3_engine, made.object_key, signed_ago=timedelta(seconds=3601))

    assert s3_engine.send("GET", url) == 403


def delivery_url(engine: S3Engine, object_key: str, signed_ago: timedelta = timedelta()) -> str:
    delivery = PresignedDelivery(engine.signer, 3600)
    return delivery.url_for(object_key, "a.mp4", engine.now() - signed_ago).url


async def completed(upload: Upload) -> None:
    await upload.complete()


async def aborted(upload: Upload) -> None:
    await upload.engine.storage.abort_multipart_upload(upload.object_key, upload.upload_id)


async def deleted(upload: Upload) -> None:
    await upload.complete()
    await upload.engine.storage.delete(upload.object_key)


ENDS = {"complete": completed, "abort": aborted, "delete": deleted}


class HeldBack:
    """A PUT of a part whose last byte the browser has not sent."""

    def __init__(self, url: str, body: bytes) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._last = body[-1:]
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)
        self._connection.putrequest("PUT", f"{parts.path}?{parts.query}")
        self._connection.putheader("Content-Length", str(len(body)))
        self._connection.endheaders()
        self._connection.send(body[:-1])

    def finish(self) -> int:
        try:
            self._connection.send(self._last)
            return self._connection.getresponse().status
        finally:
            self._connection.close()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("held_back", [False, True], ids=["sent after", "last byte held back"])
async def test_part_url_is_dead_after_the_end(s3_engine: S3Engine, end: str, held_back: bool) -> None:
    upload = await begin(s3_engine)
    upload.put(1, FULL_PART)
    other = bytes(len(FULL_PART))
    url = upload.presign(1, len(other)).url
    held = HeldBack(url, other) if held_back else None

    await ENDS[end](upload)

    assert (held.finish() if held else s3_engine.send("PUT", url, other)) == 404
    assert await upload_ids(s3_engine.storage, upload.object_key) == []
    if end == "complete":
        assert await whole(s3_engine.storage, upload.object_key) == FULL_PART
    else:
        assert s3_engine.send("GET", delivery_url(s3_engine, upload.object_key)) == 404


def hostile_headers(source: str) -> Mapping[str, str]:
    values = {
        "x-amz-copy-source": source,
        "x-amz-copy-source-range": "bytes=0-0",
        "x-amz-metadata-directive": "REPLACE",
        "x-amz-acl": "public-read",
        "x-amz-grant-read": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"',
        "x-amz-meta-slipway-token": "another",
        "x-copy-from": source,
        "x-object-manifest": source,
        "x-delete-after": "1",
        "x-delete-at": "1",
        "content-encoding": "gzip",
        "expires": "Thu, 01 Jan 1970 00:00:00 GMT",
    }
    return dict.fromkeys(rgw_headers.all_names(), "1") | values


async def test_no_header_changes_what_a_part_url_stores(s3_engine: S3Engine) -> None:
    """Each header of RGW's code and Swift's worst. A store may refuse the part, and else stores it as without it."""
    source = await make_object(s3_engine)
    headers = hostile_headers(f"/{BUCKET}/{source.object_key}")
    assert len(headers) > 90

    for name, value in headers.items():
        upload = await begin(s3_engine)
        status = s3_engine.send("PUT", upload.presign(1, len(BODY)).url, BODY, {name: value})
        if status != 200:
            assert status in REFUSED, name
            assert await upload.parts() == [], name
            continue
        await upload.complete()
        found = await s3_engine.storage.head(upload.object_key)
        assert (found.size_bytes, found.content_type) == (len(BODY), "video/quicktime"), name
        assert found.metadata == TOKEN, name
        assert await whole(s3_engine.storage, upload.object_key) == BODY, name
        unsigned = urlsplit(delivery_url(s3_engine, upload.object_key))._replace(query="").geturl()
        assert s3_engine.send("GET", unsigned) == 403, name


async def test_copy_source_is_never_copied_into_a_part(s3_engine: S3Engine) -> None:
    """RGW 16.2 copies if the signed length is 0, and refuses the part of any other length."""
    secret = await make_object(s3_engine)
    upload = await begin(s3_engine)
    copy = {"x-amz-copy-source": f"/{BUCKET}/{secret.object_key}"}

    for size in (1, len(BODY), len(BODY) + 1):
        url = upload.presign(1, size).url
        assert s3_engine.send("PUT", url, b"x" * size, copy) in REFUSED
        assert s3_engine.send("PUT", url, b"", {**copy, "Content-Length": "0"}) in REFUSED

    assert await upload.parts() == []


@pytest.mark.parametrize("size", [0, -1])
async def test_length_of_zero_is_never_signed(s3_engine: S3Engine, size: int) -> None:
    upload = await begin(s3_engine)

    with pytest.raises(ValueError, match="at least 1 byte"):
        upload.presign(1, size)


async def test_nothing_is_answered_without_a_signature(s3_engine: S3Engine) -> None:
    made = await make_object(s3_engine)
    url = urlsplit(delivery_url(s3_engine, made.object_key))._replace(query="").geturl()

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        assert s3_engine.send(method, url, b"x" if method in ("PUT", "POST") else b"") in REFUSED
    listing = url.partition(f"/{BUCKET}/")[0] + f"/{BUCKET}"
    assert s3_engine.send("GET", listing) == 403
    assert s3_engine.send("PUT", f"{listing}-{uuid.uuid4()}", b"x") in REFUSED
    assert await whole(s3_engine.storage, made.object_key) == BODY
