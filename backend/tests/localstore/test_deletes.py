"""Deleting and aborting give the disk back at once."""

from tests.engines.embedded import EmbeddedStore
from tests.localstore.conftest import MakeStore
from tests.localstore.s3 import BUCKET, FULL_PART, PART_SIZE_BYTES, begin_upload, make_object, object_folders


def test_deleted_object_frees_its_disk(make_store: MakeStore) -> None:
    with make_store() as store:
        store.client().create_bucket(Bucket=BUCKET)
        upload = make_object(store)
        assert store.disk_bytes() > PART_SIZE_BYTES

        store.client().delete_object(Bucket=BUCKET, Key=upload.object_key)

        assert store.disk_bytes() < PART_SIZE_BYTES / 4
        assert object_folders(store, upload.upload_id) == []


def test_without_the_mend_a_deleted_object_keeps_its_disk(unmended: EmbeddedStore) -> None:
    upload = make_object(unmended)

    unmended.client().delete_object(Bucket=BUCKET, Key=upload.object_key)

    assert object_folders(unmended, upload.upload_id) != []


def test_aborted_upload_frees_its_disk(make_store: MakeStore) -> None:
    with make_store() as store:
        store.client().create_bucket(Bucket=BUCKET)
        upload = begin_upload(store)
        for part_number in (1, 2, 3):
            upload.put(part_number, FULL_PART)

        upload.abort()

        assert store.disk_bytes() < PART_SIZE_BYTES / 4
