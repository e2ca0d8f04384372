"""After Complete or Abort no part write may land; the stores without the mend show what would happen."""

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.exceptions import ClientError

from localstore.mends import Mend
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
    """Whether the object still gives the bytes that were completed."""
    try:
        return read(store, object_key) == FULL_PART + SMALL_PART
    except ClientError:
        return False


def test_part_after_complete_is_refused(store: EmbeddedStore) -> None:
    upload = make_object(store)

    assert error_code(lambda: upload.put(1, OTHER_PART)) == "NoSuchUpload"
    assert is_whole(store, upload.object_key)


def test_without_the_mend_a_part_after_complete_breaks_the_object(unmended: EmbeddedStore) -> None:
    upload = make_object(unmended)

    upload.put(1, OTHER_PART)

    assert not is_whole(unmended, upload.object_key)


def complete_while_held(store: EmbeddedStore) -> tuple[OpenUpload, int]:
    """Complete while a second write of part 1 lacks its last byte; then send that byte."""
    upload = begin_upload(store)
    etags = [upload.put(1, FULL_PART), upload.put(2, SMALL_PART)]
    with HeldPart(upload, 1, OTHER_PART) as held:
        upload.complete(etags)
        return upload, held.finish()


def test_part_whose_last_byte_is_held_back_across_complete_is_refused(store: EmbeddedStore) -> None:
    upload, status = complete_while_held(store)

    assert status == 404
    assert is_whole(store, upload.object_key)


def test_without_the_mend_a_part_held_back_across_complete_breaks_the_object(
    unmended: EmbeddedStore,
) -> None:
    upload, status = complete_while_held(unmended)

    assert status == 200
    assert not is_whole(unmended, upload.object_key)


def test_part_held_back_across_a_failed_complete_lands(store: EmbeddedStore) -> None:
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
def test_failed_complete_leaves_the_upload_open(
    store: EmbeddedStore, fail: Callable[[OpenUpload], object]
) -> None:
    upload = begin_upload(store)
    upload.put(1, FULL_PART)

    with pytest.raises(ClientError):
        fail(upload)

    upload.complete([upload.put(1, FULL_PART), upload.put(2, SMALL_PART)])
    assert is_whole(store, upload.object_key)


def test_repeated_complete_gives_the_same_answer(store: EmbeddedStore) -> None:
    upload = begin_upload(store)
    etags = [upload.put(1, FULL_PART), upload.put(2, SMALL_PART)]

    assert upload.complete(etags) == upload.complete(etags)


def test_part_held_back_across_abort_is_refused_and_leaves_nothing(store: EmbeddedStore) -> None:
    upload = begin_upload(store)
    upload.put(1, FULL_PART)
    with HeldPart(upload, 2, OTHER_PART) as held:
        upload.abort()
        assert held.finish() == 404

    assert object_folders(store, upload.upload_id) == []


def test_without_the_mend_a_part_held_back_across_abort_stays_on_disk(unmended: EmbeddedStore) -> None:
    upload = begin_upload(unmended)
    with HeldPart(upload, 2, OTHER_PART) as held:
        upload.abort()
        assert held.finish() == 200

    assert object_folders(unmended, upload.upload_id) != []


def test_part_of_an_unknown_upload_is_refused(store: EmbeddedStore) -> None:
    unknown = OpenUpload(store, "videos/none", "A" * 48)

    assert error_code(lambda: unknown.put(1, SMALL_PART)) == "NoSuchUpload"
    assert error_code(unknown.abort) == "NoSuchUpload"
    assert error_code(lambda: unknown.complete(['"' + "0" * 32 + '"'])) == "NoSuchUpload"


def test_stranger_cannot_close_an_upload(store: EmbeddedStore) -> None:
    """The gate is behind the signature: a forged Abort or Complete changes nothing for others."""
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


def store_killed_inside_complete(store: EmbeddedStore) -> OpenUpload:
    """The state after a kill -9 between writing the object and removing the upload's marker."""
    store.start()
    store.client().create_bucket(Bucket=BUCKET)
    upload = begin_upload(store)
    [marker] = object_folders(store, upload.upload_id)
    kept = store.data_dir / "kept-marker"
    shutil.copytree(marker, kept)
    upload.complete([upload.put(1, FULL_PART), upload.put(2, SMALL_PART)])
    store.kill()
    shutil.rmtree(marker)
    shutil.copytree(kept, marker)
    store.start()
    return upload


def test_kill_inside_complete_leaves_an_object_no_part_or_abort_can_break(make_store: MakeStore) -> None:
    store = make_store()
    upload = store_killed_inside_complete(store)

    assert error_code(lambda: upload.put(1, OTHER_PART)) == "NoSuchUpload"
    assert error_code(upload.abort) == "NoSuchUpload"
    assert is_whole(store, upload.object_key)
    assert store.client().list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_without_the_mend_a_kill_inside_complete_lets_abort_destroy_the_object(
    make_store: MakeStore,
) -> None:
    store = make_store(without=[Mend.LATE_PARTS])
    upload = store_killed_inside_complete(store)

    upload.abort()

    assert not is_whole(store, upload.object_key)


def test_complete_repeated_after_a_kill_inside_it_ends_the_upload(make_store: MakeStore) -> None:
    store = make_store()
    upload = store_killed_inside_complete(store)

    upload.complete([part_etag(FULL_PART), part_etag(SMALL_PART)])

    assert is_whole(store, upload.object_key)
    assert store.client().list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def kill_before_the_listing_knows(store: EmbeddedStore, work: Callable[[], object]) -> None:
    """The state after a kill -9 between removing the upload's marker and telling the listing."""
    listings, kept = store.data_dir / "devices" / "d1" / "containers", store.data_dir / "kept-listings"
    shutil.copytree(listings, kept)
    work()
    store.kill()
    shutil.rmtree(listings)
    shutil.copytree(kept, listings)
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


def test_complete_repeated_after_a_kill_before_its_listing_ends_the_upload(half_sent: OpenUpload) -> None:
    """Without this it would be listed as open for ever."""
    etags = [part_etag(FULL_PART)]
    kill_before_the_listing_knows(half_sent.store, lambda: half_sent.complete(etags))

    half_sent.complete(etags)

    assert listed_uploads(half_sent.store) == []
    assert read(half_sent.store, half_sent.object_key) == FULL_PART


def test_abort_repeated_after_a_kill_before_its_listing_ends_the_upload(half_sent: OpenUpload) -> None:
    """Whoever aborts until nothing is listed, as a deletion does, would never be done."""
    kill_before_the_listing_knows(half_sent.store, half_sent.abort)

    assert error_code(half_sent.abort) == "NoSuchUpload"

    assert listed_uploads(half_sent.store) == []


def part_etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def test_part_landing_while_complete_runs_never_breaks_the_object(store: EmbeddedStore) -> None:
    """Whenever it comes: Complete fails and the upload stays open, or Complete wins and the part gets 404."""
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
