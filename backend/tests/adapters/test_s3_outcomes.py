"""What each storage call raises for each error of the connection. tests/crash/test_outcomes.py has the consequences.

After StorageUnavailable the store may have carried out the call or not.
"""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from app.adapters.s3 import S3Storage
from app.core.metrics import STORAGE_VERSIONS_KEPT
from app.domain.errors import StorageUnavailable
from app.ports import NoSuchObject, NoSuchUpload
from tests.adapters.scripted_server import STORES_HEADERS, Answer, ScriptedServer, s3_error
from tests.adapters.test_s3_storage import CALLS, KEY, storage_at

GONE = "404 gone"
ANSWERS = {
    "reset before": Answer(0, is_none=True),
    "reset after": Answer(200, b"<Answer>", announced_bytes=1000),
    "403": s3_error(403, "AccessDenied"),
    "404 no bucket": s3_error(404, "NoSuchBucket"),
    GONE: s3_error(404, "NoSuchKey"),
    "404 of a proxy": Answer(404, b"<html><body>Not Found</body></html>", {"Content-Type": "text/html"}),
    "500": s3_error(500, "InternalError"),
    "503": s3_error(503, "SlowDown"),
    "malformed": Answer(200, b"<html><br></html", {"Content-Type": "text/html"}),
    "another's answer": Answer(200, b"<html><body>Sign in</body></html>", {"Content-Type": "text/html"}),
    "empty": Answer(200),
}
OTHERWISE: dict[tuple[str, str], type[Exception] | None] = {
    ("list_parts", GONE): NoSuchUpload,
    ("complete", GONE): NoSuchUpload,
    ("abort", GONE): None,
    ("head", GONE): NoSuchObject,
    ("read_range", GONE): NoSuchObject,
    ("delete", GONE): None,
    # The store's answer to a HEAD has no body that could say what is missing.
    ("head", "404 no bucket"): NoSuchObject,
    # A 200 is not trusted here. A HEAD follows complete and delete, a listing follows abort.
    **{
        (call, answer): None
        for call in ("complete", "abort", "delete")
        for answer in ("another's answer", "empty")
    },
    **{("check", answer): None for answer in ("reset after", "malformed", "another's answer", "empty")},
}
"""Outcomes other than StorageUnavailable. None is success."""


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture(scope="module")
def storage(server: ScriptedServer) -> Iterator[S3Storage]:
    with storage_at(server.url) as made:
        yield made


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("call", CALLS)
async def test_translates_error(server: ScriptedServer, storage: S3Storage, call: str, answer: str) -> None:
    server.script(ANSWERS[answer])
    expected = OTHERWISE.get((call, answer), StorageUnavailable)

    if expected is None:
        await CALLS[call](storage)
    else:
        with pytest.raises(expected):
            await CALLS[call](storage)


HTML = {"Content-Type": "text/html"}
PROXY_STATUSES = (400, 403, 404, 405, 409, 412, 413, 421, 429, 500, 501, 502, 503, 504)
PROXY_BODIES = {
    "HTML that is XML": Answer(0, b"<html><body><h1>Error</h1></body></html>", HTML),
    "HTML that is no XML": Answer(0, b"<!doctype html><p>Error<br></html", HTML),
    "HTML without a type": Answer(0, b"<html><body>Error</body></html>"),
    "HTML with S3's header": Answer(0, b"<html></html>", {**HTML, "x-amz-request-id": "tx1"}),
    "HTML of CloudFront": Answer(0, b"<html></html>", {**HTML, "x-amz-cf-id": "1", "x-amz-cf-pop": "FRA1"}),
    "JSON": Answer(0, b'{"Code": "NoSuchKey"}', {"Content-Type": "application/json"}),
    "XML of another": Answer(0, b"<error><code>NoSuchKey</code></error>", {"Content-Type": "text/xml"}),
    "a status as code": Answer(0, b"<Error><Code>404</Code></Error>", {"Content-Type": "text/xml"}),
    "plain text": Answer(0, b"NoSuchUpload", {"Content-Type": "text/plain"}),
    "empty": Answer(0),
}


@pytest.mark.parametrize("body", PROXY_BODIES)
@pytest.mark.parametrize("call", CALLS)
async def test_error_of_a_proxy_is_unavailable(
    server: ScriptedServer, storage: S3Storage, call: str, body: str
) -> None:
    """It says nothing about the object, the upload or the rights."""
    for status in PROXY_STATUSES:
        server.script(replace(PROXY_BODIES[body], status=status))
        with pytest.raises(StorageUnavailable):
            await CALLS[call](storage)


LISTED = b"<Contents><Key>%s</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>"


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (b"", NoSuchObject),
        (LISTED % f"{KEY}.longer".encode(), NoSuchObject),
        (LISTED % KEY.encode(), StorageUnavailable),
    ],
    ids=["not listed", "another key listed", "listed"],
)
async def test_listing_decides_on_404_of_head_without_the_stores_header(
    server: ScriptedServer, storage: S3Storage, listed: bytes, expected: type[Exception]
) -> None:
    """Some stores send no x-amz-request-id. Only the listing tells them from a proxy."""
    server.script(
        Answer(404), Answer(200, b"<ListBucketResult><Name>slipway</Name>%s</ListBucketResult>" % listed)
    )

    with pytest.raises(expected):
        await storage.head(KEY)


@pytest.mark.parametrize("call", CALLS)
async def test_refused_connection_is_unavailable(call: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with storage_at(f"http://127.0.0.1:{port}") as storage, pytest.raises(StorageUnavailable):
        await CALLS[call](storage)


@pytest.mark.parametrize("call", ["list_parts", "abort"])
@pytest.mark.parametrize(("status", "code"), [(409, "OperationAborted"), (400, "InvalidRequest")])
async def test_errors_of_complete_in_other_calls_are_unavailable(
    server: ScriptedServer, storage: S3Storage, call: str, status: int, code: str
) -> None:
    server.script(s3_error(status, code))

    with pytest.raises(StorageUnavailable):
        await CALLS[call](storage)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("call", CALLS)
async def test_redirect_of_a_store_is_not_followed(
    server: ScriptedServer, storage: S3Storage, call: str, status: int
) -> None:
    """The other host would get a signed request, or the app would believe what it says."""
    with ScriptedServer() as other:
        other.script(Answer(200))
        server.script(Answer(status, b"", {"Location": f"{other.url}/slipway/key"}))

        with pytest.raises(StorageUnavailable):
            await CALLS[call](storage)

    assert other.seen == []


async def test_answer_with_an_entity_is_not_expanded(
    server: ScriptedServer, storage: S3Storage, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("videos/planted")
    listing = (
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]><ListBucketResult><Name>slipway</Name>'
        "<Contents><Key>&e;</Key></Contents></ListBucketResult>"
    )
    server.script(Answer(200, listing.encode(), {"Content-Type": "application/xml"}))

    with pytest.raises(StorageUnavailable):
        await CALLS["list_objects"](storage)


async def test_only_a_deleted_version_shows_that_versions_can_be_deleted(server: ScriptedServer) -> None:
    """A key without versions says nothing of the right to delete them."""
    version = (
        f"<Version><Key>{KEY}</Key><VersionId>v</VersionId><IsLatest>true</IsLatest><Size>1</Size>"
        "<LastModified>2026-01-15T12:00:00Z</LastModified></Version>"
    )
    kept = xml("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
    STORAGE_VERSIONS_KEPT.set(1)

    with storage_at(server.url) as storage:
        server.script(kept, versions())
        await storage.delete(KEY)
        assert kept_metric() == 1

        server.script(versions(version), Answer(204, headers=STORES_HEADERS))
        await storage.delete(KEY)
        assert kept_metric() == 0


def xml(body: str) -> Answer:
    return Answer(200, body.encode(), STORES_HEADERS)


def versions(*listed: str) -> Answer:
    return xml(f"<ListVersionsResult><Name>slipway</Name>{''.join(listed)}</ListVersionsResult>")


def kept_metric() -> float | None:
    return REGISTRY.get_sample_value("slipway_storage_versions_kept")
