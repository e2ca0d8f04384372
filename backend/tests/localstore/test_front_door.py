"""Which methods and headers reach Swift. Its own API would delete, copy or join objects by headers."""

import hashlib
import http.client
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tests.engines.embedded import EmbeddedStore
from tests.localstore import swift_headers
from tests.localstore.s3 import (
    BUCKET,
    SMALL_PART,
    OpenUpload,
    begin_upload,
    content_md5,
    data_files,
    error_code,
    make_object,
    metadata_of,
    read,
)
from tests.waiting import TIMEOUT_SECONDS

MIB = 2**20

KEPT_OF_PART = {"name", "X-Timestamp", "Content-Length", "Content-Type", "ETag"}
"""What Swift stores of each part."""

MEANT = {
    "content-md5",
    "expect",
    "range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
}
"""Headers that change an answer by HTTP's or S3's rules."""


def presign_get(store: EmbeddedStore, object_key: str) -> str:
    return store.client().generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": object_key})


def value_of(name: str, object_key: str) -> str:
    """Return a value that would have an effect."""
    if "copy" in name or "symlink" in name or "manifest" in name:
        return f"/{BUCKET}/{object_key}"
    return "15" if name.startswith("x-delete") else "1"


def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> int:
    """Send exactly these headers, Host and Content-Length."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body, dict(headers))
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def stored_metadata(store: EmbeddedStore, name_part: str) -> list[dict[str, str]]:
    found = [metadata_of(path) for path in data_files(store)]
    return [
        {key.decode(): value.decode() for key, value in pickle.loads(raw).items()}  # noqa: S301  # the store's own file
        for raw in found
        if name_part.encode() in raw
    ]


def groups_of_swift_headers() -> list[list[str]]:
    """Return the names that a page may send without effect, in groups because each request takes time."""
    names = [name for name in swift_headers.all_names() if name not in MEANT and not is_of_s3(name)]
    assert {"x-delete-after", "x-object-manifest", "x-copy-from", "x-symlink-target"} < set(names)
    return [names[start : start + 40] for start in range(0, len(names), 40)]


def is_of_s3(name: str) -> bool:
    return name.startswith("x-amz-")


@pytest.mark.parametrize("names", groups_of_swift_headers(), ids=lambda names: f"{names[0]} to {names[-1]}")
def test_no_header_of_swift_changes_a_part(store: EmbeddedStore, names: list[str]) -> None:
    other = make_object(store, [SMALL_PART])
    upload = begin_upload(store)
    headers = {name: value_of(name, other.object_key) for name in names}

    assert send("PUT", upload.presign_part(1, len(SMALL_PART)), headers, SMALL_PART) == 200

    [part] = [item for item in stored_metadata(store, upload.upload_id) if item["name"].endswith("/1")]
    assert part.keys() == KEPT_OF_PART
    assert part["Content-Length"] == str(len(SMALL_PART))


@pytest.mark.parametrize("names", groups_of_swift_headers(), ids=lambda names: f"{names[0]} to {names[-1]}")
def test_no_header_of_swift_changes_what_is_delivered(store: EmbeddedStore, names: list[str]) -> None:
    made = make_object(store, [SMALL_PART])
    url = presign_get(store, made.object_key)

    headers = {name: value_of(name, made.object_key) for name in names}
    answer = httpx.get(url, headers=headers, timeout=TIMEOUT_SECONDS)

    assert (answer.status_code, answer.content) == (200, SMALL_PART)
    assert read(store, made.object_key) == SMALL_PART


def test_page_gets_one_range_or_everything(store: EmbeddedStore) -> None:
    """Otherwise one request reads an object many times, or each of its parts."""
    made = make_object(store, [SMALL_PART])
    url = presign_get(store, made.object_key)

    def ask(*ranges: str) -> tuple[int, bytes]:
        answer = httpx.get(url, headers=[("Range", each) for each in ranges], timeout=TIMEOUT_SECONDS)
        return answer.status_code, answer.content

    for one in ("bytes=1-2", "bytes=1-", "bytes=-2"):
        assert ask(one)[0] == 206
    for many in (["bytes=0-0,2-3"], ["bytes=0-,0-,0-"], ["bytes=0-0", "2-3"], ["bytes=0-0", "bytes=2-3"]):
        assert ask(*many) == (200, SMALL_PART)


@pytest.mark.parametrize("name", sorted(filter(is_of_s3, swift_headers.all_names())))
def test_unsigned_header_of_s3_is_refused(store: EmbeddedStore, name: str) -> None:
    url = OpenUpload(store, "videos/none", "A" * 48).presign_part(1, len(SMALL_PART))

    headers = {name: value_of(name, "videos/a")}
    answer = httpx.put(url, content=SMALL_PART, headers=headers, timeout=TIMEOUT_SECONDS)

    assert (answer.status_code, "not signed" in answer.text) == (403, True)


def test_object_outlives_x_delete_after(store: EmbeddedStore) -> None:
    """With this header the owner of a page could let a ready video vanish."""
    upload = begin_upload(store)
    url = upload.presign_part(1, len(SMALL_PART))
    assert send("PUT", url, {"X-Delete-After": "1", "X-Delete-At": "1"}, SMALL_PART) == 200
    upload.complete([f'"{hashlib.md5(SMALL_PART, usedforsecurity=False).hexdigest()}"'])

    assert not any("X-Delete-At" in item for item in stored_metadata(store, upload.object_key))
    assert read(store, upload.object_key) == SMALL_PART


def test_clients_of_aws_may_ask_for_checksums(store: EmbeddedStore) -> None:
    """They send x-amz-checksum-mode with each GET and HEAD of an object, unless they are told otherwise."""
    upload = make_object(store)
    head = store.client().head_object(Bucket=BUCKET, Key=upload.object_key, ChecksumMode="ENABLED")
    got = store.client().get_object(Bucket=BUCKET, Key=upload.object_key, ChecksumMode="ENABLED")

    assert len(got["Body"].read()) == head["ContentLength"] > 0


def test_clients_of_aws_may_send_checksums(store: EmbeddedStore, tmp_path: Path) -> None:
    """boto3 and awscli add a CRC32 to each body, unless they are told otherwise."""
    file, back = tmp_path / "file", tmp_path / "back"
    file.write_bytes(os.urandom(12 * MIB))
    client = store.make_client(checksums="when_supported")

    for key, part_bytes in (("videos/in-one", 64 * MIB), ("videos/in-parts", 5 * MIB)):
        client.upload_file(str(file), BUCKET, key, Config=TransferConfig(multipart_threshold=part_bytes))
        client.download_file(BUCKET, key, str(back))

        assert back.read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    "checksum",
    [{"ChecksumCRC32": "AAAAAA=="}, {"ChecksumSHA1": "A" * 27 + "="}, {"ChecksumSHA256": "A" * 43 + "="}],
)
def test_body_that_differs_from_its_checksum_is_refused(
    store: EmbeddedStore, checksum: Mapping[str, Any]
) -> None:
    with pytest.raises(ClientError) as refused:
        store.client().put_object(Bucket=BUCKET, Key="videos/a", Body=b"a", **checksum)

    assert refused.value.response["Error"]["Code"] == "BadDigest"


def test_clients_of_aws_may_ask_where_the_bucket_is(store: EmbeddedStore) -> None:
    """They sign Accept-Encoding with this call."""
    assert store.client().get_bucket_location(Bucket=BUCKET)["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Delete-After", "15"),
        ("X-Object-Manifest", f"{BUCKET}/videos"),
        ("X-Copy-From", f"/{BUCKET}/videos"),
        ("X-Auth-Token", "a"),
        ("x-amz-copy-source", f"/{BUCKET}/videos"),
        ("x-amz-acl", "public-read"),
        ("x-amz-website-redirect-location", "http://evil.example"),
        ("x-amz-storage-class", "GLACIER"),
        ("Content-Encoding", "gzip"),
    ],
)
def test_signed_header_that_is_not_listed_is_refused(store: EmbeddedStore, name: str, value: str) -> None:
    """Without the header the store would do something other than its caller has signed."""
    client = store.make_client()

    def add(request: Any, **_: Any) -> None:
        request.headers[name] = value

    client.meta.events.register("before-sign.s3.PutObject", add)

    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=BUCKET, Key="videos/listed", Body=SMALL_PART)

    assert refused.value.response["Error"]["Code"] == "InvalidRequest"
    assert name.lower() in refused.value.response["Error"]["Message"]
    assert error_code(lambda: read(store, "videos/listed")) == "NoSuchKey"


def test_signed_header_of_page_that_is_not_listed_is_refused(store: EmbeddedStore) -> None:
    url = store.client().generate_presigned_url(
        "put_object", Params={"Bucket": BUCKET, "Key": "videos/listed", "StorageClass": "STANDARD"}
    )

    headers = {"x-amz-storage-class": "STANDARD"}
    answer = httpx.put(url, content=SMALL_PART, headers=headers, timeout=TIMEOUT_SECONDS)

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "method", ["PATCH", "TRACE", "COPY", "UPDATE", "REPLICATE", "SSYNC", "GETORHEAD", "BREW"]
)
def test_unknown_method_is_refused(store: EmbeddedStore, method: str) -> None:
    url = begin_upload(store).presign_part(1, len(SMALL_PART))

    answer = httpx.request(method, url, timeout=TIMEOUT_SECONDS)

    assert (answer.status_code, "<Code>MethodNotAllowed</Code>" in answer.text) == (405, True)


@pytest.mark.parametrize("method", ["POST", "DELETE", "HEAD", "OPTIONS"])
def test_page_has_no_other_method(store: EmbeddedStore, method: str) -> None:
    answer = httpx.request(method, begin_upload(store).presign_part(1, 1), timeout=TIMEOUT_SECONDS)

    assert answer.status_code == 403


def test_page_puts_no_whole_object(store: EmbeddedStore) -> None:
    url = store.client().generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "videos/put"})

    assert httpx.put(url, content=SMALL_PART, timeout=TIMEOUT_SECONDS).status_code == 403
    assert error_code(lambda: read(store, "videos/put")) == "NoSuchKey"


def test_page_cannot_add_a_signature_in_a_header(store: EmbeddedStore) -> None:
    url = begin_upload(store).presign_part(1, len(SMALL_PART))

    for scheme in ("AWS4-HMAC-SHA256 Credential=a", "AWS a:b", "Basic YTpi"):
        headers = {"Authorization": scheme}
        answer = httpx.put(url, content=SMALL_PART, headers=headers, timeout=TIMEOUT_SECONDS)
        assert (answer.status_code, "InvalidArgument" in answer.text) == (400, True)


def test_older_signatures_are_refused(store: EmbeddedStore) -> None:
    """Version 2 signs neither the length nor most of the query."""
    path = f"{store.endpoint_url}/{BUCKET}/videos/a"
    by_query = f"{path}?AWSAccessKeyId={store.credentials.access_key_id}&Expires=9999999999&Signature=a"

    assert httpx.get(by_query, timeout=TIMEOUT_SECONDS).status_code == 403
    by_header = {"Authorization": f"AWS {store.credentials.access_key_id}:a"}
    assert httpx.get(path, headers=by_header, timeout=TIMEOUT_SECONDS).status_code == 403


def test_headers_of_browsers_and_proxies_do_not_hinder_a_part(store: EmbeddedStore) -> None:
    headers = {
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Accept-Language": "en",
        "Cache-Control": "no-cache",
        "Content-MD5": content_md5(SMALL_PART),
        "Content-Type": "video/mp4",
        "Cookie": "slipway_session=a",
        "DNT": "1",
        "Origin": "http://127.0.0.1:8000",
        "Pragma": "no-cache",
        "Priority": "u=4",
        "Referer": "http://127.0.0.1:8000/",
        "Sec-Fetch-Mode": "cors",
        "Sec-GPC": "1",
        "User-Agent": "a browser",
        "Via": "1.1 a",
        "X-Amzn-Trace-Id": "Root=1-a",
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "https",
        "X-Real-IP": "192.0.2.1",
        "X-Requested-With": "XMLHttpRequest",
    }
    upload = begin_upload(store)

    assert send("PUT", upload.presign_part(1, len(SMALL_PART)), headers, SMALL_PART) == 200
