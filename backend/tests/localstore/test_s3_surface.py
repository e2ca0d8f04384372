"""The S3 calls of Slipway, as AWS documents them. A test of different behaviour says so."""

import hashlib
import http.client
from urllib.parse import urlsplit

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.engines.embedded import EmbeddedStore
from tests.localstore.s3 import (
    BUCKET,
    FULL_PART,
    SMALL_PART,
    OpenUpload,
    begin_upload,
    error_code,
    make_object,
    read,
)
from tests.waiting import TIMEOUT_SECONDS


def presign_get(store: EmbeddedStore, object_key: str, **params: str) -> str:
    return store.client().generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": object_key, **params}
    )


def test_create_bucket_can_be_repeated(store: EmbeddedStore) -> None:
    store.client().create_bucket(Bucket="again")

    assert error_code(lambda: store.client().create_bucket(Bucket="again")) == "BucketAlreadyOwnedByYou"
    store.client().head_bucket(Bucket="again")
    store.client().delete_bucket(Bucket="again")


def test_multipart_etag_is_md5_of_part_md5s(store: EmbeddedStore) -> None:
    upload = begin_upload(store)
    md5s = [hashlib.md5(part, usedforsecurity=False) for part in (FULL_PART, SMALL_PART)]
    etags = [upload.put(1, FULL_PART), upload.put(2, SMALL_PART)]

    assert etags == [f'"{md5.hexdigest()}"' for md5 in md5s]
    whole = hashlib.md5(b"".join(md5.digest() for md5 in md5s), usedforsecurity=False).hexdigest()
    assert upload.complete(etags) == f'"{whole}-2"'
    head = store.client().head_object(Bucket=BUCKET, Key=upload.object_key)
    assert (head["ETag"], head["ContentLength"]) == (f'"{whole}-2"', len(FULL_PART + SMALL_PART))


def test_object_has_headers_and_metadata_of_create(store: EmbeddedStore) -> None:
    upload = begin_upload(
        store,
        ContentType="video/quicktime",
        ContentDisposition="attachment; filename*=UTF-8''%C3%A9.mov",
        Metadata={"slipway-token": "abc"},
    )
    upload.complete([upload.put(1, SMALL_PART)])

    head = store.client().head_object(Bucket=BUCKET, Key=upload.object_key)
    got = httpx.get(presign_get(store, upload.object_key), timeout=TIMEOUT_SECONDS)

    assert head["Metadata"] == {"slipway-token": "abc"}
    assert head["ContentType"] == got.headers["content-type"] == "video/quicktime"
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%A9.mov"
    assert "x-amz-meta-slipway-token" not in got.headers, "it is for the app alone"


def test_presigned_get_overrides_disposition_and_type(store: EmbeddedStore) -> None:
    upload = begin_upload(store, ContentDisposition="attachment")
    upload.complete([upload.put(1, SMALL_PART)])

    got = httpx.get(
        presign_get(
            store, upload.object_key, ResponseContentDisposition="inline", ResponseContentType="video/mp4"
        ),
        timeout=TIMEOUT_SECONDS,
    )

    assert (got.headers["content-disposition"], got.headers["content-type"]) == ("inline", "video/mp4")


def test_range_with_if_match_reads_across_parts(store: EmbeddedStore) -> None:
    upload = make_object(store)
    etag = store.client().head_object(Bucket=BUCKET, Key=upload.object_key)["ETag"]
    border = len(FULL_PART)

    got = store.client().get_object(
        Bucket=BUCKET, Key=upload.object_key, Range=f"bytes={border - 5}-{border + 4}", IfMatch=etag
    )

    assert got["Body"].read() == (FULL_PART + SMALL_PART)[border - 5 : border + 5]
    assert got["ContentRange"] == f"bytes {border - 5}-{border + 4}/{border + len(SMALL_PART)}"
    assert got["ETag"] == etag


def test_if_match_refuses_range_of_replaced_object(store: EmbeddedStore) -> None:
    upload = make_object(store)

    def read_other_version() -> object:
        return store.client().get_object(
            Bucket=BUCKET, Key=upload.object_key, Range="bytes=0-9", IfMatch='"' + "0" * 32 + '-2"'
        )

    assert error_code(read_other_version) == "PreconditionFailed"


def test_refuses_range_past_end_and_serves_suffix(store: EmbeddedStore) -> None:
    upload = make_object(store)
    url = presign_get(store, upload.object_key)

    assert httpx.get(url, headers={"Range": "bytes=99999999-"}, timeout=TIMEOUT_SECONDS).status_code == 416
    assert httpx.get(url, headers={"Range": "bytes=-4"}, timeout=TIMEOUT_SECONDS).content == SMALL_PART[-4:]


def test_complete_with_if_none_match_keeps_existing_object(store: EmbeddedStore) -> None:
    made = make_object(store)
    second = begin_upload(store)
    second.object_key = made.object_key
    second.upload_id = store.client().create_multipart_upload(Bucket=BUCKET, Key=made.object_key)["UploadId"]
    etags = [second.put(1, SMALL_PART)]

    assert error_code(lambda: second.complete(etags, IfNoneMatch="*")) == "PreconditionFailed"
    assert read(store, made.object_key) == FULL_PART + SMALL_PART
    assert second.listed_parts() == [1]


def test_complete_with_if_none_match_creates_object(store: EmbeddedStore) -> None:
    upload = begin_upload(store)

    upload.complete([upload.put(1, SMALL_PART)], IfNoneMatch="*")

    assert read(store, upload.object_key) == SMALL_PART


def test_ignores_mpu_object_size(store: EmbeddedStore) -> None:
    """AWS refuses a wrong size. The app compares the listed sizes, and checks the object with HEAD."""
    upload = begin_upload(store)

    upload.complete([upload.put(1, SMALL_PART)], MpuObjectSize=len(SMALL_PART) + 1)

    assert read(store, upload.object_key) == SMALL_PART


def test_list_parts_is_paged_in_order_with_size_and_etag(store: EmbeddedStore) -> None:
    upload = begin_upload(store)
    etags = {number: upload.put(number, SMALL_PART * number) for number in (11, 2, 1, 10)}

    pages = (
        store.client()
        .get_paginator("list_parts")
        .paginate(
            Bucket=BUCKET,
            Key=upload.object_key,
            UploadId=upload.upload_id,
            PaginationConfig={"PageSize": 3},
        )
    )
    listed = [[(part["PartNumber"], part["Size"], part["ETag"]) for part in page["Parts"]] for page in pages]

    assert [len(page) for page in listed] == [3, 1]
    assert [part for page in listed for part in page] == [
        (number, len(SMALL_PART) * number, etags[number]) for number in (1, 2, 10, 11)
    ]


def test_list_multipart_uploads_is_paged_by_key_and_upload_id(store: EmbeddedStore) -> None:
    store.client().create_bucket(Bucket="uploads")
    made = {
        (key, store.client().create_multipart_upload(Bucket="uploads", Key=key)["UploadId"])
        for key in ("a", "a", "b/c", "d")
    }
    for key, upload_id in made:
        store.client().upload_part(
            Bucket="uploads", Key=key, UploadId=upload_id, PartNumber=1, Body=SMALL_PART
        )

    pages = (
        store.client()
        .get_paginator("list_multipart_uploads")
        .paginate(Bucket="uploads", PaginationConfig={"PageSize": 2})
    )
    listed = [(one["Key"], one["UploadId"]) for page in pages for one in page.get("Uploads", [])]

    assert listed == sorted(made)


def test_part_can_be_replaced(store: EmbeddedStore) -> None:
    upload = begin_upload(store)
    upload.put(1, SMALL_PART)

    etag = upload.put(1, FULL_PART)

    upload.complete([etag])
    assert read(store, upload.object_key) == FULL_PART


def test_complete_refuses_wrong_etag(store: EmbeddedStore) -> None:
    upload = begin_upload(store)
    old = upload.put(1, FULL_PART)
    upload.put(1, SMALL_PART)

    assert error_code(lambda: upload.complete([old])) == "InvalidPart"


def test_highest_part_number_is_10000(store: EmbeddedStore) -> None:
    upload = begin_upload(store)

    upload.put(10_000, SMALL_PART)

    assert error_code(lambda: upload.put(10_001, SMALL_PART)) == "InvalidArgument"


def test_refuses_requests_to_swift_api(store: EmbeddedStore) -> None:
    key = store.credentials
    for path in ("/", "/v1/AUTH_slipway", "/auth/v1.0", "/info", f"/{BUCKET}/videos"):
        answer = httpx.get(
            store.endpoint_url + path,
            headers={"X-Auth-User": key.access_key_id, "X-Auth-Key": key.secret_access_key},
            timeout=TIMEOUT_SECONDS,
        )
        assert (path, answer.status_code) == (path, 403)


def test_key_with_dots_stays_in_bucket(store: EmbeddedStore) -> None:
    store.client().put_object(Bucket=BUCKET, Key="../../escape", Body=SMALL_PART)

    assert read(store, "../../escape") == SMALL_PART
    assert not list(store.data_dir.parent.rglob("escape"))


def test_response_before_100_continue_closes_connection(store: EmbeddedStore) -> None:
    upload = make_object(store)
    url = urlsplit(upload.presign_part(1, len(FULL_PART)))
    assert url.hostname is not None
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=TIMEOUT_SECONDS)
    connection.putrequest("PUT", f"{url.path}?{url.query}")
    connection.putheader("Content-Length", str(len(FULL_PART)))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()

    answer = connection.getresponse()

    assert (answer.status, answer.getheader("Connection")) == (404, "close")
    connection.close()


def test_response_before_100_continue_closes_connection_with_signed_header(store: EmbeddedStore) -> None:
    """For a signed header Swift wraps the body to verify its hash."""
    unknown = OpenUpload(store, "videos/none", "A" * 48)

    with pytest.raises(ClientError) as refused:
        unknown.put(1, SMALL_PART)

    assert refused.value.response["ResponseMetadata"]["HTTPHeaders"].get("connection") == "close"
