"""A disk that takes no more costs a request, not the store."""

from tests.localstore.conftest import MakeStore
from tests.localstore.s3 import BUCKET, FULL_PART, SMALL_PART, begin_upload, error_code, read

LIMIT_KIB = 2048
"""A file-size limit stands in for a full disk: large writes fail in the middle, small ones pass."""


def test_part_that_finds_no_room_gets_a_5xx_and_the_store_goes_on(make_store: MakeStore) -> None:
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
