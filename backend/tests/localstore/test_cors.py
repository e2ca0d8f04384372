"""A page of an allowed origin may read every response of the store, and other pages none."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.engines.embedded import EmbeddedStore
from tests.localstore.s3 import BUCKET, FOREIGN, PAGE, SMALL_PART, begin_upload, content_md5, make_object
from tests.waiting import TIMEOUT_SECONDS

ALLOWED = "access-control-allow-origin"


def put(
    url: str, *, origin: str = PAGE, body: bytes = SMALL_PART, md5_of: bytes | None = None
) -> httpx.Response:
    headers = {"Origin": origin} | ({} if md5_of is None else {"Content-MD5": content_md5(md5_of)})
    return httpx.put(url, content=body, headers=headers, timeout=TIMEOUT_SECONDS)


def preflight(store: EmbeddedStore, method: str, origin: str) -> httpx.Response:
    return httpx.options(
        begin_upload(store).presign_part(1, len(SMALL_PART)),
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "content-md5",
        },
        timeout=TIMEOUT_SECONDS,
    )


@pytest.mark.parametrize("method", ["PUT", "GET", "HEAD"])
def test_preflight_allows_content_md5(store: EmbeddedStore, method: str) -> None:
    answer = preflight(store, method, PAGE)

    assert answer.status_code == 200
    assert answer.headers[ALLOWED] == PAGE
    assert method in answer.headers["access-control-allow-methods"]
    assert "content-md5" in answer.headers["access-control-allow-headers"]
    assert "Origin" in answer.headers["vary"]


def test_preflight_needs_no_query(store: EmbeddedStore) -> None:
    url = f"{store.endpoint_url}/slipway/a"
    answer = httpx.options(url, headers={"Origin": PAGE}, timeout=TIMEOUT_SECONDS)

    assert (answer.status_code, answer.headers[ALLOWED]) == (200, PAGE)


def test_refuses_preflight_of_foreign_origin(store: EmbeddedStore) -> None:
    answer = preflight(store, "PUT", FOREIGN)

    assert (answer.status_code, "<Code>AccessForbidden</Code>" in answer.text) == (403, True)
    assert ALLOWED not in answer.headers


def test_page_can_upload_part_and_read_etag(store: EmbeddedStore) -> None:
    answer = put(begin_upload(store).presign_part(1, len(SMALL_PART)))

    assert answer.status_code == 200
    assert answer.headers[ALLOWED] == PAGE
    assert "etag" in answer.headers["access-control-expose-headers"].lower()


def test_foreign_origin_can_read_no_response(store: EmbeddedStore) -> None:
    url = begin_upload(store).presign_part(1, len(SMALL_PART))

    for answer in (put(url, origin=FOREIGN), put(url + "0", origin=FOREIGN)):
        assert ALLOWED not in answer.headers


def expired(store: EmbeddedStore) -> httpx.Response:
    return put(begin_upload(store).presign_expired_part(1, len(SMALL_PART)))


def forged(store: EmbeddedStore) -> httpx.Response:
    return put(begin_upload(store).presign_part(1, len(SMALL_PART)) + "0")


def other_length(store: EmbeddedStore) -> httpx.Response:
    return put(begin_upload(store).presign_part(1, len(SMALL_PART)), body=SMALL_PART + b"!")


def unsigned(store: EmbeddedStore) -> httpx.Response:
    return put(begin_upload(store).presign_part(1, len(SMALL_PART)).partition("?")[0])


def wrong_md5(store: EmbeddedStore) -> httpx.Response:
    return put(begin_upload(store).presign_part(1, len(SMALL_PART)), md5_of=b"another")


def aborted(store: EmbeddedStore) -> httpx.Response:
    upload = begin_upload(store)
    url = upload.presign_part(1, len(SMALL_PART))
    upload.abort()
    return put(url)


ERRORS = pytest.mark.parametrize(
    ("provoke", "status", "code"),
    [
        (expired, 403, "AccessDenied"),
        (forged, 403, "SignatureDoesNotMatch"),
        (other_length, 403, "SignatureDoesNotMatch"),
        (unsigned, 403, "AccessDenied"),
        (wrong_md5, 400, "BadDigest"),
        (aborted, 404, "NoSuchUpload"),
    ],
)


@ERRORS
def test_page_can_read_error(
    store: EmbeddedStore, provoke: Callable[[EmbeddedStore], httpx.Response], status: int, code: str
) -> None:
    answer = provoke(store)

    assert (answer.status_code, answer.headers.get(ALLOWED)) == (status, PAGE)
    assert f"<Code>{code}</Code>" in answer.text


@pytest.mark.parametrize("provoke", [expired, forged, other_length])
def test_without_patch_page_cannot_read_error(
    unpatched: EmbeddedStore, provoke: Callable[[EmbeddedStore], httpx.Response]
) -> None:
    answer = provoke(unpatched)

    assert answer.status_code == 403
    assert ALLOWED not in answer.headers


def test_accepts_correct_md5(store: EmbeddedStore) -> None:
    answer = put(begin_upload(store).presign_part(1, len(SMALL_PART)), md5_of=SMALL_PART)

    assert answer.status_code == 200


def test_page_can_read_range(store: EmbeddedStore) -> None:
    upload = make_object(store)
    url = store.client().generate_presigned_url(
        "get_object", Params={"Bucket": "slipway", "Key": upload.object_key}
    )

    answer = httpx.get(url, headers={"Origin": PAGE, "Range": "bytes=0-9"}, timeout=TIMEOUT_SECONDS)

    assert answer.status_code == 206
    assert answer.headers[ALLOWED] == PAGE


LOCAL_PAGES = (
    "http://127.0.0.1:8080",
    "http://localhost:18411",
    "https://localhost",
    "http://192.168.1.5:8000",
    "http://[fd00::2]:8000",
    "http://nas:8000",
    "http://nas.local",
    "http://nas.internal:8000",
)
PUBLIC_PAGES = (
    FOREIGN,
    "http://localhost.evil.example",
    "http://nas.lan:8000",
    "null",
    "http://[::1",
    "http://nas.local@evil.example",
    "ftp://127.0.0.1",
)


@pytest.fixture(scope="module")
def local_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    folder = tmp_path_factory.mktemp("local")
    with EmbeddedStore(folder, origins=[PAGE], any_local_origin=True) as running:
        running.client().create_bucket(Bucket=BUCKET)
        yield running


@pytest.mark.parametrize("origin", [PAGE, *LOCAL_PAGES])
def test_pages_at_local_addresses_can_upload(local_store: EmbeddedStore, origin: str) -> None:
    url = begin_upload(local_store).presign_part(1, len(SMALL_PART))

    for answer, status in (
        (preflight(local_store, "PUT", origin), 200),
        (put(url, origin=origin), 200),
        (put(url + "0", origin=origin), 403),
    ):
        assert (answer.status_code, answer.headers.get_list(ALLOWED)) == (status, [origin])


@pytest.mark.parametrize("origin", [PAGE, *LOCAL_PAGES])
def test_browser_may_keep_a_video_of_any_local_page(local_store: EmbeddedStore, origin: str) -> None:
    url = local_store.client().generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": make_object(local_store, [SMALL_PART]).object_key}
    )

    answer = httpx.get(url, headers={"Origin": origin}, timeout=TIMEOUT_SECONDS)

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-cache")


@pytest.mark.parametrize("origin", PUBLIC_PAGES)
def test_pages_at_public_names_cannot_upload(local_store: EmbeddedStore, origin: str) -> None:
    url = begin_upload(local_store).presign_part(1, len(SMALL_PART))

    for answer in (preflight(local_store, "PUT", origin), put(url, origin=origin)):
        assert ALLOWED not in answer.headers


@pytest.mark.parametrize("origin", LOCAL_PAGES)
def test_listed_origins_alone_are_allowed_by_default(store: EmbeddedStore, origin: str) -> None:
    assert ALLOWED not in preflight(store, "PUT", origin).headers
