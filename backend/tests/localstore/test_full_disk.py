"""A full disk fails requests. The store keeps running."""

from tests.localstore.conftest import MakeStore
from tests.localstore.s3 import BUCKET, FULL_PART, SMALL_PART, begin_upload, error_code, read

LIMIT_KIB = 2048
"""A limit of the file size simulates a full disk. Large writes fail in the middle, and small ones succeed."""


def test_full_disk_answers_5xx_and_store_keeps_running(make_store: MakeStore) -> None:
    store = make_store(wrapper=["bash", "-c", f'ulimit -f {LIMIT_KIB}; exec "$@"', "limited"])
    with store:
        store.client().create_bucket(Bucket=BUCKET)
        upload = begin_upload(store)

        for _ in range(3):
            assert error_code(lambda: upload.put(1, FULL_PART)) in {"InternalError", "ServiceUnavailable"}

        assert upload.listed_parts() == []
        upload.complete([upload.put(1, SMALL_PART)])
        assert read(store, upload.object_key) == SMALL_PART
        assert store.disk_bytes() < LIMIT_KIB * 1024
