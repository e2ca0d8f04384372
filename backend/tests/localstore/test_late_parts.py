"""The store refuses part writes after Complete or Abort. Stores without the patch show the damage."""

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.exceptions import ClientError

from localstore.options import Patch
from tests.engines.embedded import EmbeddedStore
from tests.localstore.conftest import MakeStore
from tests.localstore.s3 import (
    BUCKET,
    FULL_PART,
    OTHER_PART,
    SMALL_PART,
    HeldPart,
    OpenUpload,
    begin_upload,
    error_code,
    make_object,
    object_folders,
    read,
)
from tests.waiting import TIMEOUT_SECONDS


def is_whole(store: EmbeddedStore, object_key: str) -> bool:
    """Return whether the object still has the bytes that were completed."""
    try:
        return read(store, object_key) == FULL_PART + SMALL_PART
    except ClientError:
        return False


def test_refuses_part_after_complete(store: EmbeddedStore) -> None:
    upload = make_object(store)

    assert error_code(lambda: upload.put(1, OTHER_PART)) == "NoSuchUpload"
    assert is_whole(store, upload.object_key)


def test_without_patch_part_after_complete_breaks_object(unpatched: EmbeddedStore) -> None:
    upload = make_object(unpatched)

    upload.put(1, OTHER_PART)

    assert not is_whole(unpatched, upload.object_key)


def complete_while_held(store: EmbeddedStore) -> tuple[OpenUpload, int]:
    """Complete while a second write of part 1 lacks its last byte. Then send that byte."""
    upload = begin_upload(store)
    etags = [upload.put(1, FULL_PART), upload.put(2, SMALL_PART)]
    with HeldPart(upload, 1, OTHER_PART) as held:
        upload.complete(etags)
        return upload, held.finish()


def test_refuses_part_that_ends_after_complete(store: EmbeddedStore) -> None:
    upload, status = complete_while_held(store)

    assert status == 404
    assert is_whole(store, upload.object_key)


def test_without_patch_part_that_ends_after_complete_breaks_object(
    unpatched: EmbeddedStore,
) -> None:
    upload, status = complete_while_held(unpatched)

    assert status == 200
    assert not is_whole(unpatched, upload.object_key)


def test_stores_part_that_ends_after_failed_complete(store: EmbeddedStore) -> None:
    upload = begin_upload(store)
    upload.put(1, OTHER_PART)
    etag = upload.put(2, SMALL_PART)
    with HeldPart(upload, 1, FULL_PART) as held:
        assert error_code(lambda: upload.complete(['"' + "0" * 32 + '"', etag])) == "InvalidPart"
        assert held.finish() == 200

    assert upload.listed_parts() == [1, 2]
    upload.complete([upload.put(1, FULL_PART), etag])
    assert is_whole(store, upload.object_key)


@pytest.mark.parametrize(
    "fail",
    [
        lambda upload: upload.complete(['"' + "0" * 32 + '"']),
        lambda upload: upload.complete([upload.put(1, SMALL_PART), upload.put(2, SMALL_PART)]),
    ],
    ids=["wrong ETag", "part too small"],
)
def test_failed_complete_leaves_upload_open(
    store: EmbeddedStore, fail: Callable[[OpenUpload], object]
) -> None:
    upload = begin_upload(store)
    upload.put(1, FULL_PART)

    with pytest.raises(ClientError):
        fail(upload)

    upload.complete([upload.put(1, FULL_PART), upload.put(2, SMALL_PART)])
    assert is_whole(store, upload.object_key)


def test_repeated_complete_returns_same_etag(store: EmbeddedStore) -> None:
    upload = begin_upload(store)
    etags = [upload.put(1, FULL_PART), upload.put(2, SMALL_PART)]

    assert upload.complete(etags) == upload.complete(etags)


def test_refuses_part_that_ends_after_abort(store: EmbeddedStore) -> None:
    upload = begin_upload(store)
    upload.put(1, FULL_PART)
    with HeldPart(upload, 2, OTHER_PART) as held:
        upload.abort()
        assert held.finish() == 404

    assert object_folders(store, upload.upload_id) == []


def test_without_patch_part_that_ends_after_abort_stays_on_disk(unpatched: EmbeddedStore) -> None:
    upload = begin_upload(unpatched)
    with HeldPart(upload, 2, OTHER_PART) as held:
        upload.abort()
        assert held.finish() == 200

    assert object_folders(unpatched, upload.upload_id) != []


def test_refuses_requests_to_unknown_upload(store: EmbeddedStore) -> None:
    unknown = OpenUpload(store, "videos/none", "A" * 48)

    assert error_code(lambda: unknown.put(1, SMALL_PART)) == "NoSuchUpload"
    assert error_code(unknown.abort) == "NoSuchUpload"
    assert error_code(lambda: unknown.complete(['"' + "0" * 32 + '"'])) == "NoSuchUpload"


def test_forged_abort_changes_nothing(store: EmbeddedStore) -> None:
    """The store verifies the signature before it locks the upload."""
    upload = begin_upload(store)
    etags = [upload.put(1, FULL_PART), upload.put(2, SMALL_PART)]
    stranger = boto3.client(
        "s3",
        endpoint_url=store.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=store.credentials.access_key_id,
        aws_secret_access_key="guessed",
    )

    def forged_abort() -> object:
        return stranger.abort_multipart_upload(
            Bucket=BUCKET, Key=upload.object_key, UploadId=upload.upload_id
        )

    assert error_code(forged_abort) == "SignatureDoesNotMatch"
    upload.complete(etags)


def upload_killed_in_complete(store: EmbeddedStore) -> OpenUpload:
    """Return an upload as after a kill -9 between writing the object and removing the marker."""
    store.start()
    store.client().create_bucket(Bucket=BUCKET)
    upload = begin_upload(store)
    [marker] = object_folders(store, upload.upload_id)
    saved = store.data_dir / "saved-marker"
    shutil.copytree(marker, saved)
    upload.complete([upload.put(1, FULL_PART), upload.put(2, SMALL_PART)])
    store.kill()
    shutil.rmtree(marker)
    shutil.copytree(saved, marker)
    store.start()
    return upload


def test_part_and_abort_after_kill_in_complete_keep_object(make_store: MakeStore) -> None:
    store = make_store()
    upload = upload_killed_in_complete(store)

    assert error_code(lambda: upload.put(1, OTHER_PART)) == "NoSuchUpload"
    assert error_code(upload.abort) == "NoSuchUpload"
    assert is_whole(store, upload.object_key)
    assert store.client().list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_without_patch_abort_after_kill_in_complete_breaks_object(
    make_store: MakeStore,
) -> None:
    store = make_store(without=[Patch.LATE_PARTS])
    upload = upload_killed_in_complete(store)

    upload.abort()

    assert not is_whole(store, upload.object_key)


def test_repeated_complete_after_kill_ends_upload(make_store: MakeStore) -> None:
    store = make_store()
    upload = upload_killed_in_complete(store)

    upload.complete([part_etag(FULL_PART), part_etag(SMALL_PART)])

    assert is_whole(store, upload.object_key)
    assert store.client().list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def kill_before_listing(store: EmbeddedStore, work: Callable[[], object]) -> None:
    """Leave the state of a kill -9 between removing the upload's marker and updating the listing."""
    listings, saved = store.data_dir / "devices" / "d1" / "containers", store.data_dir / "saved-listings"
    shutil.copytree(listings, saved)
    work()
    store.kill()
    shutil.rmtree(listings)
    shutil.copytree(saved, listings)
    store.start()
    assert listed_uploads(store) != []


def listed_uploads(store: EmbeddedStore) -> list[str]:
    found = store.client().list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    return [upload["UploadId"] for upload in found]


@pytest.fixture
def half_sent(make_store: MakeStore) -> OpenUpload:
    store = make_store().start()
    store.client().create_bucket(Bucket=BUCKET)
    upload = begin_upload(store)
    upload.put(1, FULL_PART)
    return upload


def test_repeated_complete_removes_upload_from_listing(half_sent: OpenUpload) -> None:
    etags = [part_etag(FULL_PART)]
    kill_before_listing(half_sent.store, lambda: half_sent.complete(etags))

    half_sent.complete(etags)

    assert listed_uploads(half_sent.store) == []
    assert read(half_sent.store, half_sent.object_key) == FULL_PART


def test_repeated_abort_removes_upload_from_listing(half_sent: OpenUpload) -> None:
    """A deletion repeats Abort until no upload is listed."""
    kill_before_listing(half_sent.store, half_sent.abort)

    assert error_code(half_sent.abort) == "NoSuchUpload"

    assert listed_uploads(half_sent.store) == []


def part_etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def test_part_during_complete_never_breaks_object(store: EmbeddedStore) -> None:
    """Either Complete fails and the upload stays open, or the part gets 404."""
    for delay_seconds in (0.0, 0.01, 0.02, 0.03, 0.04, 0.05):
        upload = begin_upload(store)
        etags = [upload.put(1, FULL_PART), upload.put(2, SMALL_PART)]
        with HeldPart(upload, 1, OTHER_PART) as held, ThreadPoolExecutor() as pool:
            completing = pool.submit(outcome_of_complete, upload, etags)
            time.sleep(delay_seconds)
            status = held.finish()

            assert (completing.result(TIMEOUT_SECONDS), status) in {("InvalidPart", 200), ("done", 404)}
        if status == 404:
            assert is_whole(store, upload.object_key)
        else:
            assert upload.listed_parts() == [1, 2]


def outcome_of_complete(upload: OpenUpload, etags: Sequence[str]) -> str:
    try:
        upload.complete(etags)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "done"
