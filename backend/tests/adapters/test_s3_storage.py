"""S3Storage against a store that misbehaves: what its errors become, how long it is waited for, how many may wait."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from app.adapters.s3 import S3Storage, make_signer
from app.domain.errors import Overloaded, StorageUnavailable
from app.ports import (
    InvalidPart,
    NoSuchObject,
    NoSuchUpload,
    ObjectChanged,
    ObjectExists,
    StoredObject,
    StoredPart,
)
from tests.adapters.scripted_server import Answer, ScriptedServer, s3_error
from tests.contract.engines import s3_connection
from tests.waiting import TIMEOUT_SECONDS

KEY = "videos/a/b/c.mp4"
PART = StoredPart(1, 5, '"0123456789abcdef0123456789abcdef"', datetime(2026, 1, 1, tzinfo=UTC))
Call = Callable[[S3Storage], Coroutine[Any, Any, object]]

CREATED = b"<InitiateMultipartUploadResult><UploadId>the id</UploadId></InitiateMultipartUploadResult>"
COMPLETED = b"<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>"
FOUND = Answer(200, headers={"ETag": PART.etag, "Content-Type": "video/mp4"})

CALLS: dict[str, Call] = {
    "create": lambda s: s.create_multipart_upload(KEY, "video/mp4", "attachment", {}),
    "list_parts": lambda s: s.list_parts(KEY, "id"),
    "complete": lambda s: s.complete_multipart_upload(KEY, "id", [PART], only_if_new=True),
    "abort": lambda s: s.abort_multipart_upload(KEY, "id"),
    "head": lambda s: s.head(KEY),
    "read_range": lambda s: s.read_range(KEY, 0, 10, PART.etag),
    "delete": lambda s: s.delete(KEY),
    "list_uploads": lambda s: _all(s.list_uploads("videos/")),
    "list_objects": lambda s: _all(s.list_objects("videos/")),
    "check": lambda s: s.check(),
}


async def _all(items: AsyncIterator[object]) -> list[object]:
    return [item async for item in items]


@contextmanager
def storage_at(url: str, **changes: Any) -> Iterator[S3Storage]:
    connection = s3_connection(url, "key", "secret", **{"attempts": 1, **changes})
    storage = S3Storage(connection, make_signer(connection))
    try:
        yield storage
    finally:
        storage.close()


@pytest.fixture(scope="module")
def _server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def server(_server: ScriptedServer) -> Iterator[ScriptedServer]:
    _server.script()
    yield _server
    _server.release()


@pytest.fixture(scope="module")
def storage(_server: ScriptedServer) -> Iterator[S3Storage]:
    """One try for each call: tests see the first answer. Made once: botocore's clients take their time."""
    with storage_at(_server.url) as made:
        yield made


@pytest.fixture(scope="module")
def silent() -> Iterator[ScriptedServer]:
    """Keeps its requests waiting; its own, so that one it was given up for never answers for another test."""
    with ScriptedServer() as running:
        running.script(FOUND)
        yield running


@pytest.fixture(scope="module")
def impatient(silent: ScriptedServer) -> Iterator[S3Storage]:
    """Waits for next to nothing: only for a server that says nothing."""
    with storage_at(silent.url, read_timeout_seconds=0.05, threads=2) as made:
        yield made


# --- what the store's errors become -------------------------------------------------------------------------------

UNDERSTOOD = [
    ("list_parts", 404, "NoSuchUpload", NoSuchUpload),
    ("list_parts", 404, "NoSuchKey", NoSuchUpload),
    ("complete", 404, "NoSuchUpload", NoSuchUpload),
    ("complete", 400, "InvalidPart", InvalidPart),
    ("complete", 400, "InvalidPartOrder", InvalidPart),
    ("complete", 400, "EntityTooSmall", InvalidPart),
    ("complete", 400, "InvalidRequest", InvalidPart),
    ("complete", 409, "ConditionalRequestConflict", ObjectExists),
    ("complete", 412, "PreconditionFailed", ObjectExists),
    ("head", 404, "", NoSuchObject),
    ("read_range", 404, "NoSuchKey", NoSuchObject),
    ("read_range", 412, "PreconditionFailed", ObjectChanged),
]
UNUSABLE = [
    (403, "AccessDenied"),
    (403, "InvalidAccessKeyId"),
    (403, "RequestTimeTooSkewed"),
    (404, "NoSuchBucket"),
    (429, "TooManyRequests"),
    (500, "InternalError"),
    (501, "NotImplemented"),
    (503, "SlowDown"),
]


@pytest.mark.parametrize(("call", "status", "code", "error"), UNDERSTOOD)
async def test_an_answer_we_understand_is_told_in_our_words(
    server: ScriptedServer, storage: S3Storage, call: str, status: int, code: str, error: type[Exception]
) -> None:
    server.script(s3_error(status, code))

    with pytest.raises(error):
        await CALLS[call](storage)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("status", "code"), UNUSABLE)
async def test_every_other_refusal_means_the_store_cannot_be_used(
    server: ScriptedServer, storage: S3Storage, call: str, status: int, code: str
) -> None:
    server.script(s3_error(status, code))
    # A HEAD has no body that could tell a missing bucket from a missing object.
    expected = NoSuchObject if (call, status) == ("head", 404) else StorageUnavailable

    with pytest.raises(expected) as raised:
        await CALLS[call](storage)
    assert raised.value.__cause__ is not None


@pytest.mark.parametrize("call", ["abort", "delete"])
@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchUpload"])
async def test_taking_away_what_is_gone_is_success(
    server: ScriptedServer, storage: S3Storage, call: str, code: str
) -> None:
    server.script(s3_error(404, code))

    await CALLS[call](storage)


async def test_an_error_within_a_200_is_no_success(server: ScriptedServer, storage: S3Storage) -> None:
    """CompleteMultipartUpload begins its answer before it knows how it ends (AWS API reference)."""
    server.script(Answer(200, s3_error(500, "InternalError").body, {"Content-Type": "application/xml"}))

    with pytest.raises(StorageUnavailable):
        await CALLS["complete"](storage)


@pytest.mark.parametrize("call", ["create", "list_parts", "complete", "list_uploads", "list_objects"])
async def test_an_answer_that_is_no_xml_is_no_answer(
    server: ScriptedServer, storage: S3Storage, call: str
) -> None:
    server.script(Answer(200, b"<html>a captive portal"))

    with pytest.raises(StorageUnavailable):
        await CALLS[call](storage)


@pytest.mark.parametrize("sent", [b"", b"half"])
async def test_a_body_that_breaks_off_is_no_data(
    server: ScriptedServer, storage: S3Storage, sent: bytes
) -> None:
    """Taken for a short piece, it would make the probe call a good file truncated."""
    headers = {"Content-Range": "bytes 0-9/100", "ETag": PART.etag}
    server.script(Answer(206, sent, headers, announced_bytes=10))

    with pytest.raises(StorageUnavailable):
        await CALLS["read_range"](storage)


async def test_a_whole_object_is_no_answer_to_a_range(server: ScriptedServer, storage: S3Storage) -> None:
    server.script(Answer(200, b"0123456789 and much more", {"ETag": PART.etag}))

    with pytest.raises(StorageUnavailable):
        await CALLS["read_range"](storage)


async def test_a_refusal_in_passing_is_tried_again(server: ScriptedServer) -> None:
    server.script(s3_error(503, "SlowDown"), Answer(200, CREATED))

    with storage_at(server.url, attempts=2) as storage:
        created = await storage.create_multipart_upload(KEY, "video/mp4", "attachment", {})

    assert created.upload_id == "the id"
    assert len(server.seen) == 2


# --- what is asked ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, True),
        ({"x-amz-server-side-encryption": "AES256"}, True),
        ({"x-amz-server-side-encryption": "aws:kms"}, False),
        ({"x-amz-server-side-encryption": "aws:kms:dsse"}, False),
        ({"x-amz-server-side-encryption-customer-algorithm": "AES256"}, False),
    ],
)
async def test_etags_are_md5s_where_the_encryption_makes_them_so(
    server: ScriptedServer, storage: S3Storage, headers: dict[str, str], expected: bool
) -> None:
    server.script(Answer(200, CREATED, headers))

    created = await storage.create_multipart_upload(KEY, "video/mp4", "attachment", {"a": "b"})

    assert created.etags_are_md5 is expected


async def test_create_announces_type_disposition_and_metadata(
    server: ScriptedServer, storage: S3Storage
) -> None:
    server.script(Answer(200, CREATED))

    await storage.create_multipart_upload(KEY, "video/mp4", "attachment", {"slipway-token": "t"})

    (asked,) = server.seen
    assert asked.headers["content-type"] == "video/mp4"
    assert asked.headers["content-disposition"] == "attachment"
    assert asked.headers["x-amz-meta-slipway-token"] == "t"


@pytest.mark.parametrize("only_if_new", [True, False])
async def test_complete_names_the_total_and_its_condition(
    server: ScriptedServer, storage: S3Storage, only_if_new: bool
) -> None:
    server.script(Answer(200, COMPLETED))

    await storage.complete_multipart_upload(KEY, "id", [PART], only_if_new=only_if_new)

    (asked,) = server.seen
    assert asked.headers["x-amz-mp-object-size"] == "5"
    assert asked.headers.get("if-none-match") == ("*" if only_if_new else None)
    assert PART.etag.strip('"').encode() in asked.body


@pytest.mark.parametrize(("etag", "condition"), [(PART.etag, PART.etag), (None, None), ("", None)])
async def test_a_range_is_read_of_the_named_object_alone(
    server: ScriptedServer, storage: S3Storage, etag: str | None, condition: str | None
) -> None:
    server.script(Answer(206, b"12345", {"Content-Range": "bytes 7-11/100", "ETag": PART.etag}))

    piece = await storage.read_range(KEY, 7, 5, etag)

    (asked,) = server.seen
    assert (asked.headers["range"], asked.headers.get("if-match")) == ("bytes=7-11", condition)
    assert (piece.data, piece.total_bytes, piece.etag) == (b"12345", 100, PART.etag)


# --- how long, and how many ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", sorted(CALLS.keys() - {"complete"}))
async def test_a_store_that_says_nothing_is_given_up(
    silent: ScriptedServer, impatient: S3Storage, call: str
) -> None:
    silent.hold()

    with pytest.raises(StorageUnavailable):
        await CALLS[call](impatient)


async def test_an_assembly_has_no_limit_but_its_callers(silent: ScriptedServer) -> None:
    silent.script(Answer(200, COMPLETED))
    silent.hold()
    with storage_at(silent.url, read_timeout_seconds=0.05, threads=2) as storage:
        completing = asyncio.ensure_future(CALLS["complete"](storage))
        await asyncio.to_thread(silent.wait_for_request)
        with pytest.raises(StorageUnavailable):
            await storage.head(KEY)  # by now any other call has been given up

        assert not completing.done()
        silent.release()
        await completing


async def test_a_call_ends_within_its_limit_whatever_its_connection_does(
    server: ScriptedServer, storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(S3Storage._call, "__kwdefaults__", {"time_limit": 0.05})
    server.script(FOUND)
    server.hold()

    with pytest.raises(StorageUnavailable) as raised:
        await storage.head(KEY)
    assert isinstance(raised.value.__cause__, TimeoutError)


async def test_a_store_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with storage_at(f"http://127.0.0.1:{closed.getsockname()[1]}") as storage:
            with pytest.raises(StorageUnavailable):
                await storage.head(KEY)


async def test_more_calls_than_may_wait_are_refused_at_once(server: ScriptedServer) -> None:
    server.script(FOUND)
    with storage_at(server.url, threads=2, queue=3) as storage:
        server.hold()
        calls = [asyncio.create_task(storage.head(KEY)) for _ in range(5)]
        await asyncio.to_thread(server.wait_for_request)
        await asyncio.to_thread(server.wait_for_request)
        for _ in range(3):
            with pytest.raises(Overloaded):
                await storage.head(KEY)
        assert len(server.seen) == 2, "two threads, two requests; the others wait"

        server.release()

        assert {found.etag for found in await asyncio.gather(*calls)} == {PART.etag}
        assert (await once_there_is_room(storage)).etag == PART.etag


async def test_a_call_that_was_given_up_holds_its_place_until_its_thread_is_free(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a store that hangs would collect threads without end."""
    server.script(FOUND)
    with storage_at(server.url, threads=1, queue=0) as storage:
        server.hold()
        with monkeypatch.context() as patch:
            patch.setattr(S3Storage._call, "__kwdefaults__", {"time_limit": 0.05})
            with pytest.raises(StorageUnavailable):
                await storage.head(KEY)
        with pytest.raises(Overloaded):
            await storage.head(KEY)

        server.release()

        assert (await once_there_is_room(storage)).etag == PART.etag


async def once_there_is_room(storage: S3Storage) -> StoredObject:
    """A thread that has just answered frees its place a moment later."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            try:
                return await storage.head(KEY)
            except Overloaded:
                await asyncio.sleep(0.005)
