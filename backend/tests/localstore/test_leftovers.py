"""The store removes what a kill left at its next start, and keeps open uploads and objects."""

import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from localstore.options import Patch
from tests.engines.embedded import EmbeddedStore
from tests.localstore.conftest import MakeStore
from tests.localstore.s3 import (
    BUCKET,
    FULL_PART,
    SMALL_PART,
    OpenUpload,
    begin_upload,
    make_object,
    object_folders,
    read,
    wait_until,
)


def temporary_file(store: EmbeddedStore) -> Path:
    """Write a file as Swift does on a file system without O_TMPFILE."""
    path = store.data_dir / "devices" / "d1" / "tmp" / "tmpabc123"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(SMALL_PART)
    return path


@pytest.mark.parametrize(("without", "stays"), [((), False), ((Patch.LEFTOVERS,), True)])
def test_patch_removes_temporary_files(
    make_store: MakeStore, without: tuple[Patch, ...], stays: bool
) -> None:
    store = make_store(without=without)
    path = temporary_file(store)

    with store:
        assert path.exists() is stays


def upload_killed_in_abort(store: EmbeddedStore) -> OpenUpload:
    """Return an upload as after a kill -9 between removing the marker and removing the segments."""
    store.start()
    store.client().create_bucket(Bucket=BUCKET)
    upload = begin_upload(store)
    [marker] = object_folders(store, upload.upload_id)
    for part_number in (1, 2):
        upload.put(part_number, SMALL_PART)
    store.kill()
    shutil.rmtree(marker)
    return upload


def wait_for_cleanup(store: EmbeddedStore) -> None:
    """Wait for the log event of this process. The log also contains events of earlier ones."""
    pid = f'"pid": {store.process.pid}}}'
    wait_until(lambda: "leftovers.removed" in store.log_text.partition(pid)[2])


def test_removes_orphaned_segments(make_store: MakeStore) -> None:
    store = make_store()
    upload = upload_killed_in_abort(store)
    assert len(object_folders(store, upload.upload_id)) == 2

    with store:
        wait_for_cleanup(store)
        assert object_folders(store, upload.upload_id) == []


def test_without_patch_orphaned_segments_stay(make_store: MakeStore) -> None:
    store = make_store(without=[Patch.LEFTOVERS])
    upload = upload_killed_in_abort(store)

    with store:
        # A cleanup at the start would have run before the store stops.
        store.stop()
    assert len(object_folders(store, upload.upload_id)) == 2


def test_removes_orphaned_segment_that_is_not_listed(make_store: MakeStore) -> None:
    """A kill between storing and listing a part leaves such a segment after the Abort."""
    store = make_store().start()
    store.client().create_bucket(Bucket=BUCKET)
    upload = begin_upload(store)
    upload.put(1, SMALL_PART)
    [segment] = object_folders(store, f"{upload.upload_id}/1")
    saved = store.data_dir / "saved"
    shutil.copytree(segment, saved)
    upload.abort()
    store.kill()
    shutil.rmtree(segment)
    shutil.copytree(saved, segment)

    with store:
        wait_for_cleanup(store)
        assert object_folders(store, upload.upload_id) == []


def test_removes_segments_of_overwritten_object(make_store: MakeStore) -> None:
    store = make_store().start()
    store.client().create_bucket(Bucket=BUCKET)
    first = make_object(store)
    second = begin_upload(store)
    second.object_key = first.object_key
    second.upload_id = store.client().create_multipart_upload(Bucket=BUCKET, Key=first.object_key)["UploadId"]
    second.complete([second.put(1, SMALL_PART)])
    store.kill()

    with store:
        wait_for_cleanup(store)
        assert object_folders(store, first.upload_id) == []
        assert read(store, first.object_key) == SMALL_PART


def test_keeps_open_uploads_and_objects(make_store: MakeStore) -> None:
    store = make_store()
    orphan = upload_killed_in_abort(store)
    store.start()
    made = make_object(store)
    open_upload = begin_upload(store)
    etags = [open_upload.put(1, FULL_PART), open_upload.put(2, SMALL_PART)]
    same_key = OpenUpload(
        store,
        made.object_key,
        store.client().create_multipart_upload(Bucket=BUCKET, Key=made.object_key)["UploadId"],
    )
    same_key.put(1, SMALL_PART)
    # A key that looks like the name of another upload's segment.
    odd = OpenUpload(store, f"{made.object_key}/{orphan.upload_id}", "")
    odd.upload_id = store.client().create_multipart_upload(Bucket=BUCKET, Key=odd.object_key)["UploadId"]
    odd.complete([odd.put(1, SMALL_PART)])
    plain_key = f"{made.object_key}/{orphan.upload_id}/1"
    store.client().put_object(Bucket=BUCKET, Key=plain_key, Body=SMALL_PART)
    store.kill()

    with store:
        wait_for_cleanup(store)
        assert read(store, made.object_key) == FULL_PART + SMALL_PART
        assert read(store, odd.object_key) == SMALL_PART
        assert read(store, plain_key) == SMALL_PART
        assert open_upload.listed_parts() == [1, 2]
        assert same_key.listed_parts() == [1]
        open_upload.complete(etags)
        assert read(store, open_upload.object_key) == FULL_PART + SMALL_PART


def test_removes_old_tombstones_and_keeps_young_ones(make_store: MakeStore) -> None:
    store = make_store().start()
    store.client().create_bucket(Bucket=BUCKET)
    for object_key in ("old", "young"):
        store.client().put_object(Bucket=BUCKET, Key=object_key, Body=SMALL_PART)
    [old], [young] = object_folders(store, f"/{BUCKET}/old"), object_folders(store, f"/{BUCKET}/young")
    for object_key in ("old", "young"):
        store.client().delete_object(Bucket=BUCKET, Key=object_key)
    store.kill()
    two_days_ago = time.time() - 2 * 86_400
    [mark] = old.iterdir()
    os.utime(mark, (two_days_ago, two_days_ago))

    with store:
        wait_for_cleanup(store)
        assert not old.exists()
        assert [path.suffix for path in young.iterdir()] == [".ts"]


def listing_of_bucket(store: EmbeddedStore) -> Path:
    """Return the database of the bucket's objects. Others are those of parts and open uploads."""
    for path in (store.data_dir / "devices/d1/containers").glob("*/*/*/*.db"):
        with sqlite3.connect(path) as database:
            if database.execute("SELECT container FROM container_info").fetchone() == (BUCKET,):
                return path
    raise AssertionError("the bucket has no listing")


def deleted_rows(store: EmbeddedStore) -> list[str]:
    with sqlite3.connect(listing_of_bucket(store)) as database:
        return [name for (name,) in database.execute("SELECT name FROM object WHERE deleted = 1")]


def age_row(store: EmbeddedStore, name: str) -> None:
    with sqlite3.connect(listing_of_bucket(store)) as database:
        [(guard,)] = database.execute("SELECT sql FROM sqlite_master WHERE name = 'object_update'")
        database.execute("DROP TRIGGER object_update")
        database.execute("UPDATE object SET created_at = '0000000001.00000' WHERE name = ?", [name])
        database.execute(guard)


@pytest.mark.parametrize(("waits", "left"), [(False, ["young"]), (True, ["old", "young"])])
def test_removes_old_rows_of_deleted_objects(make_store: MakeStore, waits: bool, left: list[str]) -> None:
    """A failed update of a listing that is repeated later would list the object again."""
    store = make_store().start()
    store.client().create_bucket(Bucket=BUCKET)
    for object_key in ("old", "young"):
        store.client().put_object(Bucket=BUCKET, Key=object_key, Body=SMALL_PART)
        store.client().delete_object(Bucket=BUCKET, Key=object_key)
    store.client().list_objects_v2(Bucket=BUCKET)  # Swift writes the rows before it reads them
    store.kill()
    age_row(store, "old")
    if waits:
        # Swift leaves a file that it cannot read.
        update = store.data_dir / "devices/d1/async_pending/abc/update"
        update.parent.mkdir(parents=True)
        update.touch()

    with store:
        wait_for_cleanup(store)

    assert deleted_rows(store) == left


def test_removes_folders_of_old_tombstones(make_store: MakeStore) -> None:
    """Each deleted part would leave three folders."""
    store = make_store().start()
    store.client().create_bucket(Bucket=BUCKET)
    upload = begin_upload(store)
    upload.put(1, SMALL_PART)
    [part] = object_folders(store, f"{upload.upload_id}/1")
    upload.abort()
    store.kill()
    for mark in (store.data_dir / "devices").rglob("*.ts"):
        os.utime(mark, (0, 0))

    with store:
        wait_for_cleanup(store)
        assert not part.parent.exists()
        make_object(store)
