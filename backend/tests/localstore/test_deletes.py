"""DELETE and Abort free the disk before they answer."""

from tests.engines.embedded import EmbeddedStore
from tests.localstore.conftest import MakeStore
from tests.localstore.s3 import BUCKET, FULL_PART, PART_SIZE_BYTES, begin_upload, make_object, object_folders


def test_delete_frees_disk(make_store: MakeStore) -> None:
    with make_store() as store:
        store.client().create_bucket(Bucket=BUCKET)
        upload = make_object(store)
        assert store.disk_bytes() > PART_SIZE_BYTES

        store.client().delete_object(Bucket=BUCKET, Key=upload.object_key)

        assert store.disk_bytes() < PART_SIZE_BYTES / 4
        assert object_folders(store, upload.upload_id) == []


def test_without_patch_delete_leaves_segments(unpatched: EmbeddedStore) -> None:
    upload = make_object(unpatched)

    unpatched.client().delete_object(Bucket=BUCKET, Key=upload.object_key)

    assert object_folders(unpatched, upload.upload_id) != []


def test_abort_frees_disk(make_store: MakeStore) -> None:
    with make_store() as store:
        store.client().create_bucket(Bucket=BUCKET)
        upload = begin_upload(store)
        for part_number in (1, 2, 3):
            upload.put(part_number, FULL_PART)

        upload.abort()

        assert store.disk_bytes() < PART_SIZE_BYTES / 4
