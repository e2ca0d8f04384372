"""S3Storage with a faulty store, its errors, time limits and queue."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from app.adapters import s3
from app.adapters.s3 import S3Storage
from app.adapters.s3_connection import make_signer
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
from tests.adapters.scripted_server import STORES_HEADERS, Answer, ScriptedServer, s3_error
from tests.contract.engines import s3_connection
from tests.fakes import md5_hex
from tests.waiting import TIMEOUT_SECONDS

KEY = "videos/a/b/c.mp4"
PART = StoredPart(1, 5, '"0123456789abcdef0123456789abcdef"', datetime(2026, 1, 1, tzinfo=UTC))
Call = Callable[[S3Storage], Coroutine[Any, Any, object]]

CREATED = b"<InitiateMultipartUploadResult><UploadId>the id</UploadId></InitiateMultipartUploadResult>"
COMPLETED = b"<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>"
NO_OBJECT = Answer(404, headers=STORES_HEADERS)
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
    """One attempt for each call, to see the first answer. Shared, because botocore's clients start slowly."""
    with storage_at(_server.url) as made:
        yield made


@pytest.fixture(scope="module")
def silent() -> Iterator[ScriptedServer]:
    """A server of its own that never answers, so that no late answer reaches another test."""
    with ScriptedServer() as running:
        running.script(FOUND)
        yield running


@pytest.fixture(scope="module")
def impatient(silent: ScriptedServer) -> Iterator[S3Storage]:
    """Has short timeouts, for a server that never answers."""
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
async def test_translates_known_error(
    server: ScriptedServer, storage: S3Storage, call: str, status: int, code: str, error: type[Exception]
) -> None:
    refusal = s3_error(status, code)
    # InvalidRequest may be about If-None-Match, so a HEAD and a Complete without it follow.
    server.script(refusal, NO_OBJECT, refusal)

    with pytest.raises(error):
        await CALLS[call](storage)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("status", "code"), UNUSABLE)
async def test_unknown_error_is_unavailable(
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
async def test_removing_what_is_missing_succeeds(
    server: ScriptedServer, storage: S3Storage, call: str, code: str
) -> None:
    server.script(s3_error(404, code))

    await CALLS[call](storage)


async def test_error_within_200_is_no_success(server: ScriptedServer, storage: S3Storage) -> None:
    """CompleteMultipartUpload sends 200 before it knows the result (AWS API reference)."""
    server.script(Answer(200, s3_error(500, "InternalError").body, {"Content-Type": "application/xml"}))

    with pytest.raises(StorageUnavailable):
        await CALLS["complete"](storage)


@pytest.mark.parametrize("call", ["create", "list_parts", "complete", "list_uploads", "list_objects"])
async def test_answer_without_xml_is_unavailable(
    server: ScriptedServer, storage: S3Storage, call: str
) -> None:
    server.script(Answer(200, b"<html>a captive portal"))

    with pytest.raises(StorageUnavailable):
        await CALLS[call](storage)


@pytest.mark.parametrize("sent", [b"", b"half"])
async def test_truncated_body_is_unavailable(server: ScriptedServer, storage: S3Storage, sent: bytes) -> None:
    """The probe would otherwise report a truncated file."""
    headers = {"Content-Range": "bytes 0-9/100", "ETag": PART.etag}
    server.script(Answer(206, sent, headers, announced_bytes=10))

    with pytest.raises(StorageUnavailable):
        await CALLS["read_range"](storage)


async def test_whole_object_for_range_is_unavailable(server: ScriptedServer, storage: S3Storage) -> None:
    server.script(Answer(200, b"0123456789 and much more", {"ETag": PART.etag}))

    with pytest.raises(StorageUnavailable):
        await CALLS["read_range"](storage)


async def test_retries_temporary_error(server: ScriptedServer) -> None:
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
async def test_encryption_decides_if_etags_are_md5s(
    server: ScriptedServer, storage: S3Storage, headers: dict[str, str], expected: bool
) -> None:
    server.script(Answer(200, CREATED, headers))

    created = await storage.create_multipart_upload(KEY, "video/mp4", "attachment", {"a": "b"})

    assert created.etags_are_md5 is expected


SAMPLE_MD5 = md5_hex(s3._SAMPLE_PART)


@pytest.mark.parametrize(
    ("etag", "expected"),
    [
        (f"&quot;{SAMPLE_MD5}&quot;", True),
        (SAMPLE_MD5.upper(), True),
        ("&quot;0123456789abcdef0123456789abcdef&quot;", False),
        (f"&quot;{SAMPLE_MD5}-1&quot;", False),
        ("AOpaque/+x", False),
        ("", False),
    ],
)
async def test_sample_part_tells_if_etags_are_md5s(
    server: ScriptedServer, storage: S3Storage, etag: str, expected: bool
) -> None:
    part = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag><Size>33</Size>"
    part += "<LastModified>2026-01-01T00:00:00Z</LastModified></Part>"
    listed = f"<ListPartsResult><UploadId>the id</UploadId>{part}</ListPartsResult>"
    server.script(Answer(200, CREATED), Answer(200), Answer(200, listed.encode()), Answer(204))

    assert await storage.part_etags_are_md5(KEY) is expected
    assert [seen.method for seen in server.seen] == ["POST", "PUT", "GET", "DELETE"]
    assert all(seen.path.startswith(f"/slipway/{KEY}.etag?") for seen in server.seen)


async def test_create_sends_type_disposition_and_metadata(server: ScriptedServer, storage: S3Storage) -> None:
    server.script(Answer(200, CREATED))

    await storage.create_multipart_upload(KEY, "video/mp4", "attachment", {"slipway-token": "t"})

    (asked,) = server.seen
    assert asked.headers["content-type"] == "video/mp4"
    assert asked.headers["content-disposition"] == "attachment"
    assert asked.headers["x-amz-meta-slipway-token"] == "t"


@pytest.mark.parametrize("only_if_new", [True, False])
async def test_complete_sends_size_and_condition(
    server: ScriptedServer, storage: S3Storage, only_if_new: bool
) -> None:
    server.script(Answer(200, COMPLETED))

    await storage.complete_multipart_upload(KEY, "id", [PART], only_if_new=only_if_new)

    (asked,) = server.seen
    assert asked.headers["x-amz-mp-object-size"] == "5"
    assert asked.headers.get("if-none-match") == ("*" if only_if_new else None)
    assert PART.etag.strip('"').encode() in asked.body


HEADER_REFUSALS = {
    "501": s3_error(501, "NotImplemented"),
    "501 without a body": Answer(501),
    "400 InvalidArgument": s3_error(400, "InvalidArgument"),
    "400 UnsupportedHeader": s3_error(400, "UnsupportedHeader"),
    "405": s3_error(405, "MethodNotAllowed"),
    "removed by a proxy": s3_error(403, "SignatureDoesNotMatch"),
}


@pytest.mark.parametrize("refusal", HEADER_REFUSALS)
async def test_repeats_refused_write_without_its_optional_headers_and_remembers(
    server: ScriptedServer, refusal: str
) -> None:
    with storage_at(server.url) as storage:
        server.script(HEADER_REFUSALS[refusal], NO_OBJECT, Answer(200, COMPLETED))
        await storage.complete_multipart_upload(KEY, "id", [PART], only_if_new=True)
        refused, _, repeated = server.seen

        assert {"if-none-match", "x-amz-mp-object-size"} <= refused.headers.keys()
        assert not {"if-none-match", "x-amz-mp-object-size"} & repeated.headers.keys()
        server.script(NO_OBJECT, Answer(200, COMPLETED))
        await storage.complete_multipart_upload(KEY, "id", [PART], only_if_new=True)
        assert [seen.method for seen in server.seen] == ["HEAD", "POST"]
        assert "if-none-match" not in server.seen[1].headers


async def test_keeps_the_size_if_only_the_condition_can_be_refused(
    server: ScriptedServer, storage: S3Storage
) -> None:
    """AWS answers InvalidRequest to a wrong size."""
    server.script(s3_error(400, "InvalidRequest"), NO_OBJECT, s3_error(400, "InvalidRequest"))

    with pytest.raises(InvalidPart):
        await storage.complete_multipart_upload(KEY, "id", [PART], only_if_new=True)
    assert server.seen[2].headers["x-amz-mp-object-size"] == "5"
    server.script(Answer(200, COMPLETED))
    await storage.complete_multipart_upload(KEY, "id", [PART], only_if_new=True)
    assert server.seen[0].headers["if-none-match"] == "*", "a wrong size is no refusal of the condition"


@pytest.mark.parametrize(
    "answer", [s3_error(400, "EntityTooSmall"), s3_error(403, "InvalidAccessKeyId"), Answer(503)]
)
async def test_repeats_no_write_that_was_refused_for_another_reason(
    server: ScriptedServer, storage: S3Storage, answer: Answer
) -> None:
    server.script(answer)

    with pytest.raises((InvalidPart, StorageUnavailable)):
        await storage.complete_multipart_upload(KEY, "id", [PART], only_if_new=True)
    assert len(server.seen) == 1


@pytest.mark.parametrize(("etag", "condition"), [(PART.etag, PART.etag), (None, None), ("", None)])
async def test_range_read_names_etag(
    server: ScriptedServer, storage: S3Storage, etag: str | None, condition: str | None
) -> None:
    server.script(Answer(206, b"12345", {"Content-Range": "bytes 7-11/100", "ETag": PART.etag}))

    piece = await storage.read_range(KEY, 7, 5, etag)

    (asked,) = server.seen
    assert (asked.headers["range"], asked.headers.get("if-match")) == ("bytes=7-11", condition)
    assert (piece.data, piece.total_bytes, piece.etag) == (b"12345", 100, PART.etag)


# --- how the store may spell its headers ---------------------------------------------------------------------------

SPELLINGS: dict[str, Callable[[str], str]] = {
    "lower case": str.lower,
    "as Go proxies write": str.title,
    "upper case": str.upper,
    "mixed": lambda name: name.lower().replace("amz-meta", "Amz-meta").replace("e", "E"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_reads_headers_without_regard_to_case(
    server: ScriptedServer, storage: S3Storage, spelling: str
) -> None:
    headers = {
        "etag": PART.etag,
        "content-type": "video/mp4",
        "content-range": "bytes 7-11/100",
        "x-amz-meta-slipway-token": "The Token",
        "x-amz-server-side-encryption": "aws:kms",
    }
    spelled = {SPELLINGS[spelling](name): value for name, value in headers.items()}

    server.script(Answer(200, headers=spelled))
    assert (await storage.head(KEY)).metadata == {"slipway-token": "The Token"}
    assert (await storage.server_time()).tzinfo is UTC

    server.script(Answer(206, b"12345", spelled))
    piece = await storage.read_range(KEY, 7, 5, PART.etag)
    assert (piece.total_bytes, piece.etag) == (100, PART.etag)

    server.script(Answer(200, CREATED, spelled))
    assert not (await storage.create_multipart_upload(KEY, "video/mp4", "attachment", {})).etags_are_md5


# --- how long, and how many ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", sorted(CALLS.keys() - {"complete"}))
async def test_silent_store_times_out(silent: ScriptedServer, impatient: S3Storage, call: str) -> None:
    silent.hold()

    with pytest.raises(StorageUnavailable):
        await CALLS[call](impatient)


async def test_assembly_has_no_time_limit(silent: ScriptedServer) -> None:
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


async def test_call_ends_within_its_limit(
    server: ScriptedServer, storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(S3Storage._call, "__kwdefaults__", {"time_limit": 0.05, "lane": None})
    server.script(FOUND)
    server.hold()

    with pytest.raises(StorageUnavailable) as raised:
        await storage.head(KEY)
    assert isinstance(raised.value.__cause__, TimeoutError)
    # Otherwise the abandoned request could reach the next test.
    await asyncio.to_thread(server.wait_for_request)


async def test_missing_store_is_unavailable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with storage_at(f"http://127.0.0.1:{closed.getsockname()[1]}") as storage:
            with pytest.raises(StorageUnavailable):
                await storage.head(KEY)


async def test_full_queue_is_overloaded(server: ScriptedServer) -> None:
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


async def test_check_neither_waits_in_the_queue_nor_fills_it(server: ScriptedServer) -> None:
    server.script(FOUND)
    with storage_at(server.url, threads=1, queue=0) as storage:
        server.hold()
        call = asyncio.create_task(storage.head(KEY))
        await asyncio.to_thread(server.wait_for_request)
        check = asyncio.create_task(storage.check())
        await asyncio.to_thread(server.wait_for_request)
        server.release()
        await asyncio.gather(call, check)

        server.hold()
        check = asyncio.create_task(storage.check())
        await asyncio.to_thread(server.wait_for_request)
        call = asyncio.create_task(once_there_is_room(storage))
        await asyncio.to_thread(server.wait_for_request)
        server.release()
        await asyncio.gather(call, check)


async def test_abandoned_call_counts_until_its_thread_is_free(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a hanging store would fill the queue without bound."""
    server.script(FOUND)
    with storage_at(server.url, threads=1, queue=0) as storage:
        server.hold()
        with monkeypatch.context() as patch:
            patch.setattr(S3Storage._call, "__kwdefaults__", {"time_limit": 0.05, "lane": None})
            with pytest.raises(StorageUnavailable):
                await storage.head(KEY)
        with pytest.raises(Overloaded):
            await storage.head(KEY)

        server.release()

        assert (await once_there_is_room(storage)).etag == PART.etag


async def once_there_is_room(storage: S3Storage) -> StoredObject:
    """Wait, because a thread is free only some time after its answer."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            try:
                return await storage.head(KEY)
            except Overloaded:
                await asyncio.sleep(0.005)
