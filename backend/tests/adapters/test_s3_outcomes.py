"""What each storage call raises for each error of the connection. tests/crash/test_outcomes.py has the consequences.

After StorageUnavailable the store may have carried out the call or not.
"""

import socket
from collections.abc import Iterator

import pytest

from app.adapters.s3 import S3Storage
from app.domain.errors import StorageUnavailable
from app.ports import NoSuchObject, NoSuchUpload
from tests.adapters.scripted_server import Answer, ScriptedServer, s3_error
from tests.adapters.test_s3_storage import CALLS, storage_at

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
    # A HEAD's answer has no body that could say whose it is.
    ("head", "404 no bucket"): NoSuchObject,
    ("head", "404 of a proxy"): NoSuchObject,
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
