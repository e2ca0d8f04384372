"""Acknowledged data survives kill -9."""

import threading
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import BotoCoreError

from tests.localstore.conftest import MakeStore
from tests.localstore.s3 import BUCKET, FULL_PART, SMALL_PART, begin_upload, make_object, read


def test_objects_and_open_uploads_survive_kill(make_store: MakeStore) -> None:
    store = make_store().start()
    store.client().create_bucket(Bucket=BUCKET)
    made = make_object(store)
    upload = begin_upload(store)
    etags = [upload.put(1, FULL_PART), upload.put(2, SMALL_PART)]
    store.kill()

    with store:
        assert read(store, made.object_key) == FULL_PART + SMALL_PART
        listed = store.client().list_multipart_uploads(Bucket=BUCKET)["Uploads"]
        assert [one["UploadId"] for one in listed] == [upload.upload_id]
        assert upload.listed_parts() == [1, 2]
        upload.complete(etags)
        assert read(store, upload.object_key) == FULL_PART + SMALL_PART


def test_acknowledged_parts_survive_kill_during_upload(make_store: MakeStore) -> None:
    store = make_store().start()
    store.client().create_bucket(Bucket=BUCKET)
    upload = begin_upload(store)
    acknowledged: dict[int, str] = {}
    kill_has_begun = threading.Lock()

    def put(part_number: int) -> None:
        if kill_has_begun.locked():
            return
        try:
            acknowledged[part_number] = upload.put(part_number, FULL_PART)
        except BotoCoreError:
            return
        if len(acknowledged) >= 6 and kill_has_begun.acquire(blocking=False):
            store.kill()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(1, 25)))
    assert kill_has_begun.locked()

    with store:
        assert set(acknowledged) <= set(upload.listed_parts())
        missing = set(range(1, 9)) - set(acknowledged)
        for part_number in missing:
            acknowledged[part_number] = upload.put(part_number, FULL_PART)
        upload.complete([acknowledged[part_number] for part_number in range(1, 9)])
        assert read(store, upload.object_key) == FULL_PART * 8
