"""Every answer of the store protects the browser that shows it, and no shared cache keeps it."""

from collections.abc import Callable, Mapping

import httpx
import pytest

from tests.engines.embedded import EmbeddedStore
from tests.localstore.raw import exchange
from tests.localstore.s3 import BUCKET, PAGE, SMALL_PART, begin_upload, make_object
from tests.waiting import TIMEOUT_SECONDS

NOT_STORED = "private, no-store"
TOKEN = "0123456789abcdef"
SIGNED = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256"
"""A path that the front door takes for a signed one."""


def get_video(store: EmbeddedStore, **headers: str) -> httpx.Response:
    upload = begin_upload(store, Metadata={"slipway-token": TOKEN})
    upload.complete([upload.put(1, SMALL_PART)])
    url = store.client().generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": upload.object_key}
    )
    return httpx.get(url, headers={"Origin": PAGE, **headers}, timeout=TIMEOUT_SECONDS)


def put_part(store: EmbeddedStore, change: Callable[[str], str] = lambda url: url) -> httpx.Response:
    url = begin_upload(store).presign_part(1, len(SMALL_PART))
    return httpx.put(change(url), content=SMALL_PART, headers={"Origin": PAGE}, timeout=TIMEOUT_SECONDS)


def preflight(store: EmbeddedStore) -> httpx.Response:
    headers = {"Origin": PAGE, "Access-Control-Request-Method": "PUT"}
    return httpx.options(begin_upload(store).presign_part(1, 1), headers=headers, timeout=TIMEOUT_SECONDS)


def ask(store: EmbeddedStore, method: str, path: str) -> httpx.Response:
    return httpx.request(method, f"{store.endpoint_url}{path}", timeout=TIMEOUT_SECONDS)


ANSWERS: Mapping[str, tuple[Callable[[EmbeddedStore], httpx.Response], int, str]] = {
    "a video": (get_video, 200, "private, no-cache"),
    "a range": (lambda store: get_video(store, Range="bytes=0-3"), 206, "private, no-cache"),
    "a range past the end": (lambda store: get_video(store, Range="bytes=999-"), 416, NOT_STORED),
    "a part": (put_part, 200, NOT_STORED),
    "a forged signature": (lambda store: put_part(store, lambda url: url + "0"), 403, NOT_STORED),
    "no signature": (lambda store: put_part(store, lambda url: url.partition("?")[0]), 403, NOT_STORED),
    "a preflight": (preflight, 200, NOT_STORED),
    "another method": (lambda store: ask(store, "BREW", SIGNED), 405, NOT_STORED),
    "the health check": (lambda store: ask(store, "GET", "/healthcheck"), 200, NOT_STORED),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_answer_has_protecting_headers(store: EmbeddedStore, answer: str) -> None:
    given_by, status, cache_control = ANSWERS[answer]

    given = given_by(store)

    assert given.status_code == status
    assert_protected(given.headers, cache_control)


def assert_protected(headers: Mapping[str, str], cache_control: str) -> None:
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == cache_control


def test_answer_to_malformed_request_has_protecting_headers(store: EmbeddedStore) -> None:
    answer = exchange(store, b"GET / HTTP/1.1\r\nbroken\r\n\r\n")

    assert answer.statuses == [400]
    assert answer.headers["content-type"] == "application/xml"
    assert_protected(answer.headers, NOT_STORED)


def test_answer_to_the_app_is_not_stored(store: EmbeddedStore) -> None:
    made = make_object(store, [SMALL_PART])

    head = store.client().head_object(Bucket=BUCKET, Key=made.object_key)

    assert_protected(head["ResponseMetadata"]["HTTPHeaders"], NOT_STORED)


def test_page_reads_the_etag_alone(store: EmbeddedStore) -> None:
    """The token of the video's row is in the metadata of its object."""
    video = get_video(store)

    assert video.headers["access-control-allow-origin"] == PAGE
    for answer in (video, put_part(store), put_part(store, lambda url: url + "0")):
        assert answer.headers.get_list("access-control-expose-headers") == ["ETag"]


def test_undecodable_path_has_protecting_headers(store: EmbeddedStore) -> None:
    answer = httpx.get(f"{store.endpoint_url}/%ff%00{SIGNED}", timeout=TIMEOUT_SECONDS)

    assert_protected(answer.headers, NOT_STORED)
