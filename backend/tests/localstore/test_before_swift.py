"""Nothing that no key has signed reaches Swift, and no body of it is read."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localstore.once_a_minute import OnceAMinute
from tests.engines.embedded import REGION, EmbeddedStore
from tests.localstore.conftest import MakeStore
from tests.localstore.raw import RawAnswer, exchange
from tests.localstore.s3 import BUCKET, FULL_PART, PAGE, SMALL_PART, begin_upload, error_code
from tests.waiting import TIMEOUT_SECONDS

BODY_BYTES = 2_000_000
FORGED = (
    "x-amz-date: 20261129T120000Z\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIA/20261129/us-east-1/s3/aws4_request, "
    f"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={'a' * 64}\r\n"
)
FORGED_QUERY = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20261129%2Fus-east-1%2Fs3%2Faws4_request"
    f"&X-Amz-Date=20261129T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature={'a' * 64}"
)


def announce(store: EmbeddedStore, method: str, target: str, lines: str) -> RawAnswer:
    """Send a head that announces a body, and no byte of it. The answer ends when the store closes the connection."""
    head = f"{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {BODY_BYTES}\r\n{lines}\r\n"
    return exchange(store, head.encode())


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/slipway?delete"),
        ("PUT", "/slipway?acl"),
        ("PUT", "/slipway/videos/a?acl"),
        ("PUT", "/slipway"),
        ("POST", "/slipway/videos/a?uploadId=A"),
        ("PUT", "/slipway/videos/a?partNumber=1&uploadId=A"),
    ],
)
@pytest.mark.parametrize("signed_in", ["a header", "the URL", "nothing"])
def test_body_without_a_right_signature_is_not_read(
    store: EmbeddedStore, method: str, target: str, signed_in: str
) -> None:
    if signed_in == "the URL":
        target = f"{target}{'&' if '?' in target else '?'}{FORGED_QUERY}"

    answer = announce(store, method, target, FORGED if signed_in == "a header" else "")

    assert answer.statuses == [403]
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("OPTIONS", "/slipway/a", 400), ("GET", "/healthcheck", 400), ("PUT", "/healthcheck", 405)],
)
def test_body_of_an_unsigned_request_is_not_read(
    store: EmbeddedStore, method: str, target: str, status: int
) -> None:
    assert announce(store, method, target, f"Origin: {PAGE}\r\n").statuses == [status]


def test_page_can_read_why_its_url_has_ended(store: EmbeddedStore) -> None:
    """A browser that is cut off in mid-body would see a network failure."""
    url = begin_upload(store).presign_expired_part(1, len(FULL_PART))

    with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
        for _ in range(2):
            answer = client.put(url, content=FULL_PART)
            assert (answer.status_code, "Request has expired" in answer.text) == (403, True)
            assert answer.headers.get("connection") != "close"


@pytest.mark.parametrize(
    "path", ["/info", "/v1/AUTH_slipway", "/v1/AUTH_x/c/o", "/.no-tokens/v1.0", "/auth/v1.0"]
)
@pytest.mark.parametrize("query", ["X-Amz-Algorithm=AWS4-HMAC-SHA256", FORGED_QUERY])
def test_api_of_swift_is_not_reached(store: EmbeddedStore, path: str, query: str) -> None:
    answer = exchange(store, f"GET {path}?{query} HTTP/1.0\r\nHost: a\r\n\r\n".encode())

    assert answer.statuses == [403]
    assert "<Error><Code>" in answer.text
    assert "swift" not in answer.text.lower()


def signed_url(store: EmbeddedStore, path: str) -> str:
    request = AWSRequest(method="GET", url=store.endpoint_url + path)
    key = store.credentials
    S3SigV4QueryAuth(
        Credentials(key.access_key_id, key.secret_access_key), "s3", REGION, expires=900
    ).add_auth(request)
    assert request.url is not None
    return request.url


@pytest.mark.parametrize(
    "path",
    ["/v1/AUTH_slipway", "/v1/AUTH_slipway/slipway/a", "/.no-tokens/v1.0", "/A/b", "/aa"],
)
def test_path_of_no_bucket_is_refused(store: EmbeddedStore, path: str) -> None:
    answer = httpx.get(signed_url(store, path), timeout=TIMEOUT_SECONDS)

    assert (answer.status_code, "<Code>InvalidURI</Code>" in answer.text) == (400, True)


@pytest.mark.parametrize(
    "path", ["/", f"/{BUCKET}", f"/{BUCKET}/", f"/{BUCKET}/videos/a?uploadId=A", "/info"]
)
def test_signed_url_is_for_an_object(store: EmbeddedStore, path: str) -> None:
    answer = httpx.get(signed_url(store, path), timeout=TIMEOUT_SECONDS)

    assert (answer.status_code, "<Code>AccessDenied</Code>" in answer.text) == (403, True)


def test_name_that_occurs_twice_in_the_query_is_refused(store: EmbeddedStore) -> None:
    """Two readers may take different ones of both."""
    url = begin_upload(store).presign_part(1, len(SMALL_PART))

    for again in ("&X-Amz-Expires=900", "&partNumber=2"):
        answer = httpx.put(url + again, content=SMALL_PART, timeout=TIMEOUT_SECONDS)
        assert (answer.status_code, "<Code>InvalidArgument</Code>" in answer.text) == (400, True)


UNLISTED: dict[str, Callable[[Any], object]] = {
    "delete many": lambda s3: s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "a"}]}),
    "rights of a bucket": lambda s3: s3.get_bucket_acl(Bucket=BUCKET),
    "rights of an object": lambda s3: s3.get_object_acl(Bucket=BUCKET, Key="a"),
    "website": lambda s3: s3.get_bucket_website(Bucket=BUCKET),
    "tags": lambda s3: s3.get_object_tagging(Bucket=BUCKET, Key="a"),
    "versioning": lambda s3: s3.put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
    ),
}


@pytest.mark.parametrize("name", UNLISTED)
def test_operation_that_is_not_listed_is_refused(store: EmbeddedStore, name: str) -> None:
    assert error_code(lambda: UNLISTED[name](store.client())) == "NotImplemented"


@pytest.mark.parametrize("path", ["//", "//" + "a" * 4000, "//slipway/a"])
def test_path_without_a_bucket_is_malformed(store: EmbeddedStore, path: str) -> None:
    answer = exchange(store, f"GET {path}?{FORGED_QUERY} HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    assert (answer.statuses, "<Code>InvalidRequest</Code>" in answer.text) == ([400], True)


def test_what_anyone_sends_adds_one_line_to_the_log(make_store: MakeStore) -> None:
    store = make_store().start()
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(timeout=TIMEOUT_SECONDS))
        for number in range(20):
            exchange(store, f"GET //{number}?{FORGED_QUERY} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            client.get(f"{store.endpoint_url}/slipway/{number}?{FORGED_QUERY}")
            client.get(f"{store.endpoint_url}/info")

    lines = [line for line in store.log_text.splitlines() if " INFO " not in line]
    assert [line.partition("localstore ")[2] for line in lines] == [
        'WARNING connections.refused: {"malformed": 1}'
    ]


def test_one_place_logs_one_error_a_minute() -> None:
    now = 0.0
    once = OnceAMinute(lambda: now)

    def record(line: int, level: int = logging.ERROR, name: str = "localstore") -> logging.LogRecord:
        return logging.LogRecord(name, level, "server.py", line, "request.failed", None, None)

    assert [once.filter(record(1)) for _ in range(3)] == [True, False, False]
    assert once.filter(record(2)), "another place"
    assert once.filter(record(1, logging.INFO)), "no error"
    assert [once.filter(record(3, name="localstore.stderr")) for _ in range(2)] == [True, True]

    now = 60.0
    later = record(1)
    assert once.filter(later)
    assert later.getMessage() == "request.failed (2 more since the last one)"
