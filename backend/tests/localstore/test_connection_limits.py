"""Connections that only wait never keep others out, and the app always gets through."""

import http.client
import itertools
import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.engines.embedded import EmbeddedStore
from tests.localstore.conftest import MakeStore
from tests.localstore.raw import connect, exchange, part_request, read_to_end
from tests.localstore.s3 import (
    BUCKET,
    FULL_PART,
    PAGE,
    SMALL_PART,
    HeldPart,
    OpenUpload,
    begin_upload,
    make_object,
    read,
    wait_until,
)
from tests.waiting import TIMEOUT_SECONDS

MIB = 2**20
CONNECTIONS = 10
"""The store takes one for each eight file descriptors."""


@pytest.fixture
def small_store(make_store: MakeStore) -> EmbeddedStore:
    descriptors = f'ulimit -n {8 * CONNECTIONS}; exec "$@"'
    store = make_store(wrapper=["bash", "-c", descriptors, "limited"]).start()
    store.client().create_bucket(Bucket=BUCKET)
    return store


@pytest.fixture
def held_open() -> Iterator[ExitStack]:
    with ExitStack() as connections:
        yield connections


def put(upload: OpenUpload) -> httpx.Response:
    url = upload.presign_part(1, len(SMALL_PART))
    return httpx.put(url, content=SMALL_PART, headers={"Origin": PAGE}, timeout=TIMEOUT_SECONDS)


@pytest.mark.parametrize(
    "sent", [b"", b"PUT /slipway/a HTTP/1.1\r\nHost: a\r\n"], ids=["silent", "half a head"]
)
@pytest.mark.parametrize("sources", [1, 250], ids=["one address", "many addresses"])
def test_half_open_connections_keep_nobody_out(
    small_store: EmbeddedStore, held_open: ExitStack, sent: bytes, sources: int
) -> None:
    first = held_open.enter_context(connect(small_store, "127.0.0.2"))
    first.sendall(sent)
    for number in range(20 * CONNECTIONS):
        with suppress(ConnectionError):
            one = held_open.enter_context(connect(small_store, f"127.0.0.{2 + number % sources}"))
            one.sendall(sent)

    made = make_object(small_store, [SMALL_PART])

    assert read(small_store, made.object_key) == SMALL_PART
    assert put(begin_upload(small_store)).status_code == 200
    assert read_to_end(first).text == "", "its place went to another connection"


def test_unsigned_bodies_that_never_end_keep_nobody_out(
    small_store: EmbeddedStore, held_open: ExitStack
) -> None:
    upload = OpenUpload(small_store, "videos/none", "A" * 48)
    forged = part_request(upload, "Content-Length: 1000000").replace(b"Signature=", b"Signature=0")
    for number in range(3 * CONNECTIONS):
        with suppress(ConnectionError):
            held_open.enter_context(connect(small_store, f"127.0.0.{2 + number}")).sendall(forged + b"x")

    assert put(begin_upload(small_store)).status_code == 200


def test_parts_that_never_end_leave_places_to_the_app(
    small_store: EmbeddedStore, held_open: ExitStack
) -> None:
    upload = begin_upload(small_store)
    pages = 6
    """Two thirds of what the app leaves, because the rest is for viewers."""
    held = [held_open.enter_context(HeldPart(upload, number, FULL_PART)) for number in range(1, pages + 1)]
    wait_until(lambda: put(upload).status_code == 503)

    answer = put(upload)

    assert "<Code>SlowDown</Code>" in answer.text
    assert answer.headers["access-control-allow-origin"] == PAGE, "the page can read it, and tries again"
    assert upload.listed_parts() == []
    assert held[0].finish() == 200
    assert put(upload).status_code == 200


def test_one_client_has_a_quarter_of_the_places(small_store: EmbeddedStore, held_open: ExitStack) -> None:
    upload = begin_upload(small_store)
    head = part_request(upload, "Content-Length: 9", "Expect: 100-continue", size_bytes=9)
    served = [held_open.enter_context(connect(small_store, "127.0.0.2")) for _ in range(CONNECTIONS // 4)]
    for connection in served:
        connection.sendall(head)
        assert connection.recv(1024).startswith(b"HTTP/1.1 100"), "Swift reads the body"

    with connect(small_store, "127.0.0.2") as another:
        assert read_to_end(another).text == ""

    assert 'connections.refused: {"client has too many": 1}' in small_store.log_text
    assert put(begin_upload(small_store)).status_code == 200
    for connection in served:
        connection.sendall(b"123456789")
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_store_outlives_a_lack_of_descriptors(make_store: MakeStore, held_open: ExitStack) -> None:
    store = make_store().start()
    store.client().create_bucket(Bucket=BUCKET)
    # The store would give up its kept connection first, perhaps while the client sends its next request.
    store.client().close()
    pid = store.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(list(Path(f"/proc/{pid}/fd").iterdir())) + 5, hard))

    def is_logged() -> bool:
        with suppress(ConnectionError):
            held_open.enter_context(connect(store))
        return 'connections.refused: {"EMFILE"' in store.log_text

    wait_until(is_logged)

    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
    assert put(begin_upload(store)).status_code == 200


def test_endless_head_is_refused(store: EmbeddedStore) -> None:
    for start in (b"GET /" + b"a" * 10**6, b"GET / HTTP/1.1\r\nX: " + b"a" * 10**6):
        assert exchange(store, start).statuses == [400]


def test_connection_that_is_kept_alive_may_be_given_up(
    small_store: EmbeddedStore, held_open: ExitStack
) -> None:
    kept = held_open.enter_context(connect(small_store, "127.0.0.9"))
    kept.sendall(b"GET /healthcheck HTTP/1.1\r\nHost: a\r\n\r\n")
    assert kept.recv(12) == b"HTTP/1.1 200"

    for number in range(CONNECTIONS):
        held_open.enter_context(connect(small_store, f"127.0.0.{10 + number}"))

    read_to_end(kept)


def test_page_with_dead_connections_sends_its_parts_again(store: EmbeddedStore, held_open: ExitStack) -> None:
    """A dead connection holds its part until the store gives it up. The page does not wait for that."""
    upload = begin_upload(store)
    dead = held_open.enter_context(HeldPart(upload, 1, SMALL_PART))
    assert put(upload).status_code == 200
    assert dead.finish() == 200, "two of one part go on"

    silent = held_open.enter_context(connect(store))
    silent.sendall(part_request(upload, "Content-Length: 9", "Expect: 100-continue", size_bytes=9))
    assert silent.recv(1024).startswith(b"HTTP/1.1 100"), "Swift reads the body"
    later = [held_open.enter_context(HeldPart(upload, number, SMALL_PART)) for number in range(2, 18)]

    assert read_to_end(silent).statuses == [], "the silent one was ended for the newest"
    assert [part.finish() for part in later] == [200] * 16


def test_further_copy_of_a_part_ends_the_most_silent_one(store: EmbeddedStore, held_open: ExitStack) -> None:
    """Each copy holds bytes on disk that no quota counts."""
    upload = begin_upload(store)
    copies = [held_open.enter_context(HeldPart(upload, 1, FULL_PART)) for _ in range(2)]
    other = held_open.enter_context(HeldPart(upload, 2, FULL_PART))

    assert put(upload).status_code == 200

    assert sorted(status_of(copy) for copy in copies) == [0, 200]
    assert other.finish() == 200


def status_of(part: HeldPart) -> int:
    """Return 0 if the store has ended the connection."""
    try:
        return part.finish()
    except (ConnectionError, http.client.HTTPException):
        return 0


@pytest.mark.parametrize("end", ["abort", "complete"])
def test_end_of_an_upload_frees_the_disk_of_arriving_parts(make_store: MakeStore, end: str) -> None:
    """A client that holds back the last bytes would keep what it has sent on disk."""
    store = make_store().start()
    store.client().create_bucket(Bucket=BUCKET)
    upload = begin_upload(store)
    etag = upload.put(1, SMALL_PART)
    with connect(store) as connection:
        connection.sendall(
            part_request(upload, f"Content-Length: {len(FULL_PART)}", size_bytes=len(FULL_PART))
        )
        connection.sendall(FULL_PART[: -64 * 1024])
        wait_until(lambda: unlinked_bytes(store) > len(FULL_PART) // 2)

        upload.abort() if end == "abort" else upload.complete([etag])

        answer = read_to_end(connection)
        assert (answer.statuses, "<Code>NoSuchUpload</Code>" in answer.text) == ([404], True)
        assert answer.headers["connection"] == "close"
    wait_until(lambda: unlinked_bytes(store) == 0)


def unlinked_bytes(store: EmbeddedStore) -> int:
    """Return the bytes of files that the store's process has open and no folder names."""
    found = 0
    for descriptor in Path(f"/proc/{store.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if str(store.data_dir) in str(descriptor.readlink()):
                status = descriptor.stat()
                found += status.st_size if status.st_nlink == 0 else 0
    return found


def test_viewer_of_one_url_keeps_nobody_out(make_store: MakeStore, held_open: ExitStack) -> None:
    """Whoever has a delivery URL knows its owner's ID, too."""
    connections = 40
    store = make_store(wrapper=["bash", "-c", f'ulimit -n {8 * connections}; exec "$@"', "limited"]).start()
    store.client().create_bucket(Bucket=BUCKET)
    made = make_object(store, [os.urandom(32 * MIB)], object_key="videos/owner/1")
    url = urlsplit(
        store.client().generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": made.object_key})
    )
    request = f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode()

    def ask() -> bytes:
        one = held_open.enter_context(connect(store, "127.0.0.9"))
        one.sendall(request)
        return one.recv(12)

    assert [ask() for _ in range(5)] == [b"HTTP/1.1 200"] * 4 + [b"HTTP/1.1 503"]

    assert put(begin_upload(store, object_key="videos/owner/2")).status_code == 200
    with connect(store, "127.0.0.10") as another:
        another.sendall(request)
        assert another.recv(12) == b"HTTP/1.1 200"


def test_forged_urls_do_not_count_for_the_owner(make_store: MakeStore, held_open: ExitStack) -> None:
    connections = 40
    store = make_store(wrapper=["bash", "-c", f'ulimit -n {8 * connections}; exec "$@"', "limited"]).start()
    store.client().create_bucket(Bucket=BUCKET)
    upload = begin_upload(store, object_key="videos/owner/1")
    forged = part_request(upload, "Content-Length: 9", size_bytes=9).replace(b"Signature=", b"Signature=0")
    for number in range(connections):
        held_open.enter_context(connect(store, f"127.0.3.{1 + number % 5}")).sendall(forged)

    assert put(upload).status_code == 200


def test_one_owner_with_many_addresses_keeps_no_other_out(
    make_store: MakeStore, held_open: ExitStack
) -> None:
    connections = 40
    descriptors = f'ulimit -n {8 * connections}; exec "$@"'
    store = make_store(wrapper=["bash", "-c", descriptors, "limited"]).start()
    store.client().create_bucket(Bucket=BUCKET)
    uploads = [begin_upload(store, object_key=f"videos/owner/{number}") for number in range(4)]

    def hold(number: int) -> bytes:
        """Begin a part whose bytes never come, and return what the store says to it."""
        one = held_open.enter_context(connect(store, f"127.0.3.{1 + number % 5}"))
        upload, part_number = uploads[number % 4], 2 + number // 4
        expecting = ("Content-Length: 9", "Expect: 100-continue")
        one.sendall(part_request(upload, *expecting, size_bytes=9, part_number=part_number))
        return one.recv(12)

    # As long as it takes, because on a slow machine the first ones may have reached their time limit.
    numbers = itertools.count()
    wait_until(lambda: hold(next(numbers)) == b"HTTP/1.1 503")
    assert next(numbers) > 16, "the owner has a share"

    assert put(begin_upload(store, object_key="videos/another/1")).status_code == 200
    assert read(store, make_object(store, [SMALL_PART]).object_key) == SMALL_PART
