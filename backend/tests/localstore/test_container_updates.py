"""A part that was acknowledged is listed, however slow the listing's database was at that moment."""

import fcntl
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from localstore.mends import Mend
from tests.engines.embedded import EmbeddedStore
from tests.localstore.conftest import MakeStore
from tests.localstore.s3 import BUCKET, SMALL_PART, OpenUpload, begin_upload, wait_until
from tests.waiting import TIMEOUT_SECONDS

LONGER_THAN_SWIFT_WAITS_SECONDS = 1.5
"""Swift acknowledges after 1 s without its listing."""


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


def test_part_is_acknowledged_only_when_it_is_listed(store: EmbeddedStore) -> None:
    upload = begin_upload(store)
    with ThreadPoolExecutor() as pool:
        with blocked_listing(store):
            putting = pool.submit(upload.put, 1, SMALL_PART)
            with pytest.raises(TimeoutError):
                putting.result(LONGER_THAN_SWIFT_WAITS_SECONDS)
        putting.result(TIMEOUT_SECONDS)

    assert upload.listed_parts() == [1]


def store_with_a_lost_listing(store: EmbeddedStore) -> OpenUpload:
    """Swift as it comes: the part is acknowledged, its listing update waits on disk for a daemon."""
    store.start()
    store.client().create_bucket(Bucket=BUCKET)
    upload = begin_upload(store)
    with blocked_listing(store):
        upload.put(1, SMALL_PART)
        wait_until(lambda: bool(waiting_updates(store)))
        # Before the lock is free: the abandoned request would still use it.
        store.kill()
    return upload


def test_lost_listing_is_replayed_at_start(make_store: MakeStore) -> None:
    upload = store_with_a_lost_listing(make_store(without=[Mend.CONTAINER_UPDATES]))

    with make_store() as mended:
        upload.store = mended
        assert upload.listed_parts() == [1]
        assert waiting_updates(mended) == []


def test_without_the_mend_a_lost_listing_stays_lost(make_store: MakeStore) -> None:
    upload = store_with_a_lost_listing(make_store(without=[Mend.CONTAINER_UPDATES]))

    with make_store(without=[Mend.CONTAINER_UPDATES]) as again:
        upload.store = again
        assert upload.listed_parts() == []
        assert len(waiting_updates(again)) == 1
