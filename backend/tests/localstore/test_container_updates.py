"""Every acknowledged part is listed, even if the listing's database was slow."""

import fcntl
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from localstore.options import Patch
from tests.engines.embedded import EmbeddedStore
from tests.localstore.conftest import MakeStore
from tests.localstore.s3 import BUCKET, SMALL_PART, OpenUpload, begin_upload, wait_until
from tests.waiting import TIMEOUT_SECONDS

LONGER_THAN_SWIFT_WAITS_SECONDS = 1.5
"""Swift alone answers after 1 s, although the part is not listed."""


@contextmanager
def blocked_listing(store: EmbeddedStore) -> Iterator[None]:
    """Hold the lock on the segments' listing, as a slow disk would."""
    with (segments_database(store).parent / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def segments_database(store: EmbeddedStore) -> Path:
    for path in (store.data_dir / "devices" / "d1" / "containers").rglob("*.db"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            if database.execute("SELECT container FROM container_info").fetchone() == (f"{BUCKET}+segments",):
                return path
    raise AssertionError("no segments were stored yet")


def waiting_updates(store: EmbeddedStore) -> list[Path]:
    folder = store.data_dir / "devices" / "d1" / "async_pending"
    return [path for path in folder.rglob("*") if path.is_file()]


def test_part_is_acknowledged_after_it_is_listed(store: EmbeddedStore) -> None:
    upload = begin_upload(store)
    with ThreadPoolExecutor() as pool:
        with blocked_listing(store):
            putting = pool.submit(upload.put, 1, SMALL_PART)
            with pytest.raises(TimeoutError):
                putting.result(LONGER_THAN_SWIFT_WAITS_SECONDS)
        putting.result(TIMEOUT_SECONDS)

    assert upload.listed_parts() == [1]


def upload_with_missing_listing(store: EmbeddedStore) -> OpenUpload:
    """Return an upload with an acknowledged part whose listing update waits on disk for a daemon."""
    store.start()
    store.client().create_bucket(Bucket=BUCKET)
    upload = begin_upload(store)
    with blocked_listing(store):
        upload.put(1, SMALL_PART)
        wait_until(lambda: bool(waiting_updates(store)))
        # Kill before the lock is released, because the abandoned request would use it.
        store.kill()
    return upload


def test_replays_missing_listing_at_start(make_store: MakeStore) -> None:
    upload = upload_with_missing_listing(make_store(without=[Patch.CONTAINER_UPDATES]))

    with make_store() as patched:
        upload.store = patched
        assert upload.listed_parts() == [1]
        assert waiting_updates(patched) == []


def test_without_patch_listing_stays_missing(make_store: MakeStore) -> None:
    upload = upload_with_missing_listing(make_store(without=[Patch.CONTAINER_UPDATES]))

    with make_store(without=[Patch.CONTAINER_UPDATES]) as again:
        upload.store = again
        assert upload.listed_parts() == []
        assert len(waiting_updates(again)) == 1
