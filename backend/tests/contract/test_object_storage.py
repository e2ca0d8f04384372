"""Tests every implementation of the ObjectStorage port, which are the fake, the embedded store and Ceph.

If an engine is known to differ, its row in conftest says so, and the test asserts the difference. No test is skipped.
"""

import hashlib
import uuid
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote, urlsplit, urlunsplit

import pytest

from app.domain.errors import StorageUnavailable
from app.domain.multipart_etag import etag_of
from app.ports import (
    InvalidPart,
    NoSuchObject,
    NoSuchUpload,
    ObjectChanged,
    ObjectExists,
    ObjectStorage,
    PresignedPart,
    StoredPart,
)
from tests.contract.engines import Difference, Engine
from tests.fakes import S3_MIN_PART_BYTES, content_md5, etag_of_parts, md5_hex

FULL_PART = bytes(range(256)) * (S3_MIN_PART_BYTES // 256)
BODY = b"one small part that is the last"
TOKEN = {"slipway-token": "0123456789abcdef"}
TTL = 900


def new_key(prefix: str | None = None) -> str:
    return f"{prefix or f'videos/{uuid.uuid4()}'}/{uuid.uuid4()}.mp4"


class Upload:
    """A multipart upload on an engine, as app and browser drive it."""

    def __init__(self, engine: Engine, object_key: str, upload_id: str, etags_are_md5: bool) -> None:
        self.engine = engine
        self.object_key = object_key
        self.upload_id = upload_id
        self.etags_are_md5 = etags_are_md5

    def presign(
        self, part_number: int, size_bytes: int, signed_ago: timedelta = timedelta()
    ) -> PresignedPart:
        now = self.engine.now() - signed_ago
        return self.engine.storage.presign_part(
            self.object_key, self.upload_id, part_number, size_bytes, now, TTL
        )

    def put(self, part_number: int, body: bytes) -> None:
        url = self.presign(part_number, len(body)).url
        assert self.engine.send("PUT", url, body, {"Content-MD5": content_md5(body)}) == 200

    async def parts(self) -> list[StoredPart]:
        return await self.engine.storage.list_parts(self.object_key, self.upload_id)

    async def complete(self, parts: list[StoredPart] | None = None, *, only_if_new: bool = True) -> None:
        listed = await self.parts() if parts is None else parts
        await self.engine.storage.complete_multipart_upload(
            self.object_key, self.upload_id, listed, only_if_new=only_if_new
        )


async def begin(engine: Engine, object_key: str | None = None) -> Upload:
    key = object_key or new_key()
    created = await engine.storage.create_multipart_upload(key, "video/quicktime", "attachment", TOKEN)
    return Upload(engine, key, created.upload_id, created.etags_are_md5)


async def make_object(engine: Engine, *bodies: bytes, object_key: str | None = None) -> Upload:
    upload = await begin(engine, object_key)
    for number, body in enumerate(bodies or (BODY,), start=1):
        upload.put(number, body)
    await upload.complete()
    return upload


async def whole(storage: ObjectStorage, object_key: str) -> bytes:
    return (await storage.read_range(object_key, 0, 64 * 1024**2, None)).data


async def upload_ids(storage: ObjectStorage, prefix: str) -> list[str]:
    return [upload.upload_id async for upload in storage.list_uploads(prefix)]


# --- parts ------------------------------------------------------------------------------------------------------


async def test_a_new_upload_has_no_parts(engine: Engine) -> None:
    assert await (await begin(engine)).parts() == []


async def test_a_presigned_part_is_stored_as_sent(engine: Engine) -> None:
    upload = await begin(engine)

    upload.put(3, BODY)

    (part,) = await upload.parts()
    assert (part.part_number, part.size_bytes) == (3, len(BODY))
    assert upload.etags_are_md5
    assert part.etag == f'"{md5_hex(BODY)}"'
    assert part.last_modified.tzinfo is not None
    assert abs(part.last_modified - engine.now()) < timedelta(minutes=30), "the same clock, the same zone"


async def test_a_sample_part_shows_that_etags_are_md5s(engine: Engine) -> None:
    key = new_key()

    assert await engine.storage.part_etags_are_md5(key)

    assert await upload_ids(engine.storage, key) == []


async def test_a_part_that_the_app_sends_is_stored(engine: Engine) -> None:
    upload = await begin(engine)

    for number, part in enumerate((FULL_PART, BODY), start=1):
        await engine.storage.upload_part(upload.object_key, upload.upload_id, number, part)

    assert [part.etag for part in await upload.parts()] == [f'"{md5_hex(FULL_PART)}"', f'"{md5_hex(BODY)}"']
    await upload.complete()
    stored = await engine.storage.head(upload.object_key)
    digests = [hashlib.md5(part, usedforsecurity=False).digest() for part in (FULL_PART, BODY)]
    assert stored.etag == etag_of(digests)
    other = f"{upload.object_key}.other"
    with pytest.raises(NoSuchUpload):
        await engine.storage.upload_part(other, upload.upload_id, 1, BODY)


async def test_a_part_needs_no_content_md5(engine: Engine) -> None:
    upload = await begin(engine)

    assert engine.send("PUT", upload.presign(1, len(BODY)).url, BODY) == 200


async def test_a_presigned_part_tells_its_life(engine: Engine) -> None:
    upload = await begin(engine)

    part = upload.presign(7, 123)

    assert (part.part_number, part.size_bytes) == (7, 123)
    left = part.expires_at - engine.now()
    assert timedelta(seconds=TTL - 60) < left <= timedelta(seconds=TTL)


async def test_a_part_sent_again_replaces_the_first(engine: Engine) -> None:
    upload = await begin(engine)
    upload.put(1, BODY)
    upload.put(1, b"something else")

    (part,) = await upload.parts()

    assert part.size_bytes == len(b"something else")
    await upload.complete()
    assert await whole(engine.storage, upload.object_key) == b"something else"


async def test_parts_are_listed_by_number_through_all_pages(engine: Engine) -> None:
    upload = await begin(engine)
    for number in (5, 12, 1, 3, 2):
        upload.put(number, f"part {number}".encode())

    listed = await engine.paged_storage.list_parts(upload.object_key, upload.upload_id)

    assert [part.part_number for part in listed] == [1, 2, 3, 5, 12]
    assert listed == await upload.parts()


# --- what a part's URL does not allow ---------------------------------------------------------------------------


def with_query(url: str, **changes: str | None) -> str:
    """Return the URL with one query field changed."""
    parts = urlsplit(url)
    fields = dict(field.split("=", 1) for field in parts.query.split("&"))
    for name, value in changes.items():
        key = name.replace("_", "-")
        assert key in fields, f"{key} is not in the URL"
        if value is None:
            del fields[key]
        else:
            fields[key] = quote(value, safe="")
    return urlunsplit(parts._replace(query="&".join(f"{name}={value}" for name, value in fields.items())))


def signature_of(url: str) -> str:
    fields = dict(field.split("=", 1) for field in urlsplit(url).query.split("&"))
    return next(name for name in fields if name.lower().endswith("signature"))


def tampered(url: str) -> str:
    name = signature_of(url)
    value = dict(field.split("=", 1) for field in urlsplit(url).query.split("&"))[name]
    other = value[:-1] + ("0" if value[-1] != "0" else "1")
    return url.replace(f"{name}={value}", f"{name}={other}")


def unsigned(url: str) -> str:
    name = signature_of(url)
    parts = urlsplit(url)
    kept = [field for field in parts.query.split("&") if not field.startswith(f"{name}=")]
    return urlunsplit(parts._replace(query="&".join(kept)))


def longer_lived(url: str) -> str:
    if "X-Amz-Expires=900" in url:
        return url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000")
    return with_query(url, expires="4102444800")


CHANGES: dict[str, Callable[[str], str]] = {
    "another part": lambda url: with_query(url, partNumber="2"),
    "another key": lambda url: url.replace(".mp4?", ".mov?"),
    "a tampered signature": tampered,
    "no signature": unsigned,
    "a longer life": longer_lived,
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_changed_url_is_refused(engine: Engine, change: str) -> None:
    upload = await begin(engine)
    url = CHANGES[change](upload.presign(1, len(BODY)).url)

    assert engine.send("PUT", url, BODY) in (400, 403)
    assert await upload.parts() == []


async def test_another_uploads_id_is_refused(engine: Engine) -> None:
    upload, other = await begin(engine), await begin(engine)
    url = with_query(upload.presign(1, len(BODY)).url, uploadId=other.upload_id)

    assert engine.send("PUT", url, BODY) == 403
    assert await upload.parts() == []
    assert await other.parts() == []


@pytest.mark.parametrize("body", [BODY + b"!", BODY[:-1], b""], ids=["longer", "shorter", "empty"])
async def test_another_length_is_refused(engine: Engine, body: bytes) -> None:
    upload = await begin(engine)
    url = upload.presign(1, len(BODY)).url

    assert engine.send("PUT", url, body, {"Content-Length": str(len(body))}) == 403
    assert await upload.parts() == []


@pytest.mark.parametrize("method", ["POST", "GET", "HEAD", "DELETE"])
async def test_another_method_is_refused(engine: Engine, method: str) -> None:
    upload = await begin(engine)
    upload.put(1, BODY)
    url = upload.presign(1, len(BODY)).url

    assert engine.send(method, url, BODY if method == "POST" else b"") in (400, 403, 501)
    assert len(await upload.parts()) == 1


async def test_an_expired_url_is_refused(engine: Engine) -> None:
    upload = await begin(engine)
    url = upload.presign(1, len(BODY), signed_ago=timedelta(seconds=TTL + 1)).url

    assert engine.send("PUT", url, BODY) == 403
    assert await upload.parts() == []


async def test_a_url_near_its_end_is_taken(engine: Engine) -> None:
    upload = await begin(engine)
    url = upload.presign(1, len(BODY), signed_ago=timedelta(seconds=TTL - 60)).url

    assert engine.send("PUT", url, BODY) == 200


async def test_a_wrong_content_md5_is_refused(engine: Engine) -> None:
    upload = await begin(engine)
    url = upload.presign(1, len(BODY)).url

    assert engine.send("PUT", url, BODY, {"Content-MD5": content_md5(b"other bytes")}) == 400
    assert await upload.parts() == []


# --- assembling -------------------------------------------------------------------------------------------------


async def test_complete_joins_the_parts_in_order(engine: Engine) -> None:
    upload = await begin(engine)
    upload.put(2, BODY)
    upload.put(1, FULL_PART)

    await upload.complete()

    assert await whole(engine.storage, upload.object_key) == FULL_PART + BODY


async def test_head_tells_what_was_announced(engine: Engine) -> None:
    upload = await make_object(engine, FULL_PART, BODY)

    found = await engine.storage.head(upload.object_key)

    assert found.size_bytes == len(FULL_PART) + len(BODY)
    assert found.content_type == "video/quicktime"
    assert found.metadata == TOKEN
    assert engine.content_disposition(upload.object_key) == "attachment"


async def test_the_etag_of_head_is_the_md5_of_the_parts_md5s(engine: Engine) -> None:
    """If the answer to Complete has no ETag, as on Ceph, HEAD has it."""
    upload = await make_object(engine, FULL_PART, BODY)

    assert (await engine.storage.head(upload.object_key)).etag == etag_of_parts([FULL_PART, BODY])


async def test_only_the_named_parts_are_assembled(engine: Engine) -> None:
    upload = await begin(engine)
    upload.put(1, BODY)
    upload.put(2, b"not wanted")

    named = (await upload.parts())[:1]

    if Difference.UNNAMED_PART_IS_REFUSED in engine.differences:
        with pytest.raises(InvalidPart):
            await upload.complete(named)
        await still_open(upload)
    else:
        await upload.complete(named)
        assert await whole(engine.storage, upload.object_key) == BODY


async def test_a_part_with_another_etag_is_refused(engine: Engine) -> None:
    upload = await begin(engine)
    upload.put(1, BODY)
    (before,) = await upload.parts()
    upload.put(1, b"replaced by other bytes here ok")

    with pytest.raises(InvalidPart):
        await upload.complete([before])

    await still_open(upload)


async def test_a_part_that_is_not_there_is_refused(engine: Engine) -> None:
    upload = await begin(engine)
    upload.put(1, FULL_PART)
    (part,) = await upload.parts()
    missing = StoredPart(2, part.size_bytes, part.etag, part.last_modified)

    with pytest.raises(InvalidPart):
        await upload.complete([part, missing])

    await still_open(upload)


async def test_a_small_part_before_the_last_is_refused(engine: Engine) -> None:
    upload = await begin(engine)
    upload.put(1, b"too small")
    upload.put(2, BODY)

    with pytest.raises(InvalidPart):
        await upload.complete()

    await still_open(upload)


async def test_a_wrong_total_is_refused(engine: Engine) -> None:
    upload = await begin(engine)
    upload.put(1, BODY)
    (part,) = await upload.parts()
    longer = StoredPart(1, part.size_bytes + 1, part.etag, part.last_modified)

    if Difference.WRONG_TOTAL_IS_TAKEN in engine.differences:
        await upload.complete([longer])
        assert (await engine.storage.head(upload.object_key)).size_bytes == len(BODY)
    else:
        with pytest.raises(InvalidPart):
            await upload.complete([longer])
        await still_open(upload)


async def still_open(upload: Upload) -> None:
    """Nothing was assembled, and the correct parts can still be."""
    assert upload.upload_id in await upload_ids(upload.engine.storage, upload.object_key)
    with pytest.raises(NoSuchObject):
        await upload.engine.storage.head(upload.object_key)


async def test_a_part_after_complete_is_refused(engine: Engine) -> None:
    upload = await make_object(engine)
    url = upload.presign(1, len(BODY)).url

    assert engine.send("PUT", url, bytes(len(BODY))) == 404
    assert await whole(engine.storage, upload.object_key) == BODY


async def test_the_upload_is_gone_after_complete(engine: Engine) -> None:
    upload = await make_object(engine)

    if Difference.LISTED_AFTER_COMPLETE in engine.differences:
        (part,) = await upload.parts()
        assert part.etag == f'"{md5_hex(BODY)}"'
    else:
        with pytest.raises(NoSuchUpload):
            await upload.parts()
    assert await upload_ids(engine.storage, upload.object_key) == []


async def test_a_second_complete_changes_nothing(engine: Engine) -> None:
    upload = await begin(engine)
    upload.put(1, BODY)
    application = await upload.parts()
    await upload.complete(application)
    before = await engine.storage.head(upload.object_key)

    if Difference.SECOND_COMPLETE_SUCCEEDS in engine.differences:
        await upload.complete(application, only_if_new=False)
    else:
        with pytest.raises(NoSuchUpload):
            await upload.complete(application, only_if_new=False)

    assert await engine.storage.head(upload.object_key) == before
    assert await whole(engine.storage, upload.object_key) == BODY


async def test_complete_only_if_new_spares_what_is_there(engine: Engine) -> None:
    first = await make_object(engine)
    second = await begin(engine, first.object_key)
    second.put(1, b"another")

    if Difference.COMPLETE_OVERWRITES in engine.differences:
        await second.complete(only_if_new=True)
        assert await whole(engine.storage, first.object_key) == b"another"
    else:
        with pytest.raises(ObjectExists):
            await second.complete(only_if_new=True)
        assert await whole(engine.storage, first.object_key) == BODY


async def test_complete_otherwise_overwrites(engine: Engine) -> None:
    first = await make_object(engine)
    second = await begin(engine, first.object_key)
    second.put(1, b"another")

    await second.complete(only_if_new=False)

    assert await whole(engine.storage, first.object_key) == b"another"


# --- uploads that are not there ---------------------------------------------------------------------------------


def complete_of_nothing(engine: Engine) -> type[Exception]:
    if Difference.COMPLETE_OF_NOTHING_IS_500 in engine.differences:
        return StorageUnavailable
    return NoSuchUpload


async def test_an_upload_belongs_to_its_key(engine: Engine) -> None:
    upload = await begin(engine)
    upload.put(1, BODY)
    application = await upload.parts()
    elsewhere = Upload(engine, new_key(), upload.upload_id, upload.etags_are_md5)

    with pytest.raises(NoSuchUpload):
        await elsewhere.parts()
    with pytest.raises(complete_of_nothing(engine)):
        await elsewhere.complete(application)
    await engine.storage.abort_multipart_upload(elsewhere.object_key, elsewhere.upload_id)
    assert await upload.parts() == application


async def test_an_aborted_upload_is_gone(engine: Engine) -> None:
    upload = await begin(engine)
    upload.put(1, BODY)
    application = await upload.parts()

    await engine.storage.abort_multipart_upload(upload.object_key, upload.upload_id)

    with pytest.raises(NoSuchUpload):
        await upload.parts()
    with pytest.raises(complete_of_nothing(engine)):
        await upload.complete(application)
    assert await upload_ids(engine.storage, upload.object_key) == []
    assert engine.send("PUT", upload.presign(1, len(BODY)).url, BODY) == 404


async def test_abort_may_be_repeated(engine: Engine) -> None:
    upload = await begin(engine)

    await engine.storage.abort_multipart_upload(upload.object_key, upload.upload_id)
    await engine.storage.abort_multipart_upload(upload.object_key, upload.upload_id)


async def test_abort_after_complete_leaves_the_object(engine: Engine) -> None:
    upload = await make_object(engine)

    await engine.storage.abort_multipart_upload(upload.object_key, upload.upload_id)

    assert await whole(engine.storage, upload.object_key) == BODY


# --- objects ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, 5, BODY[:5]),
        (4, 6, BODY[4:10]),
        (0, len(BODY), BODY),
        (0, len(BODY) + 100, BODY),
        (len(BODY) - 1, 100, BODY[-1:]),
    ],
)
async def test_a_range_gives_its_bytes_and_the_whole_size(
    engine: Engine, start: int, length: int, expected: bytes
) -> None:
    upload = await make_object(engine)
    etag = (await engine.storage.head(upload.object_key)).etag

    piece = await engine.storage.read_range(upload.object_key, start, length, etag)

    assert (piece.data, piece.total_bytes, piece.etag) == (expected, len(BODY), etag)


async def test_a_range_of_another_object_is_refused(engine: Engine) -> None:
    upload = await make_object(engine)

    with pytest.raises(ObjectChanged):
        await engine.storage.read_range(upload.object_key, 0, 5, etag_of_parts([b"other bytes"]))


async def test_a_range_beyond_the_end_is_an_error(engine: Engine) -> None:
    upload = await make_object(engine)

    with pytest.raises(StorageUnavailable):
        await engine.storage.read_range(upload.object_key, len(BODY), 5, None)


async def test_an_object_that_is_not_there(engine: Engine) -> None:
    with pytest.raises(NoSuchObject):
        await engine.storage.head(new_key())
    with pytest.raises(NoSuchObject):
        await engine.storage.read_range(new_key(), 0, 5, None)
    with pytest.raises(NoSuchObject):
        await engine.storage.read_range(new_key(), 0, 5, '"0123456789abcdef0123456789abcdef-1"')


async def test_an_open_upload_is_no_object(engine: Engine) -> None:
    upload = await begin(engine)
    upload.put(1, BODY)

    with pytest.raises(NoSuchObject):
        await engine.storage.head(upload.object_key)


async def test_delete_may_be_repeated(engine: Engine) -> None:
    upload = await make_object(engine)

    await engine.storage.delete(upload.object_key)
    await engine.storage.delete(upload.object_key)

    with pytest.raises(NoSuchObject):
        await engine.storage.head(upload.object_key)


async def test_delete_leaves_open_uploads_of_the_key(engine: Engine) -> None:
    upload = await begin(engine)

    await engine.storage.delete(upload.object_key)

    assert await upload_ids(engine.storage, upload.object_key) == [upload.upload_id]


async def test_a_small_object_is_put_and_read_back(engine: Engine) -> None:
    key = new_key("slipway-test")

    await engine.storage.put(key, b'{"a": 1}', "application/json", only_if_new=True)

    assert await whole(engine.storage, key) == b'{"a": 1}'
    assert (await engine.storage.head(key)).content_type == "application/json"


async def test_put_only_if_new_spares_what_is_there(engine: Engine) -> None:
    key = new_key("slipway-test")
    await engine.storage.put(key, b"first", "text/plain", only_if_new=True)

    with pytest.raises(ObjectExists):
        await engine.storage.put(key, b"second", "text/plain", only_if_new=True)
    assert await whole(engine.storage, key) == b"first"

    await engine.storage.put(key, b"third", "text/plain", only_if_new=False)
    assert await whole(engine.storage, key) == b"third"


# --- lists ------------------------------------------------------------------------------------------------------


async def test_uploads_are_listed_through_all_pages(engine: Engine) -> None:
    prefix = f"videos/{uuid.uuid4()}"
    begun = [await begin(engine, new_key(prefix)) for _ in range(3)]
    begun += [await begin(engine, begun[0].object_key) for _ in range(2)]
    other = await begin(engine)

    listed = [upload async for upload in engine.paged_storage.list_uploads(f"{prefix}/")]

    assert sorted((u.object_key, u.upload_id) for u in listed) == sorted(
        (u.object_key, u.upload_id) for u in begun
    )
    assert other.upload_id not in [upload.upload_id for upload in listed]
    for upload in listed:
        assert upload.initiated_at.tzinfo is not None
        assert abs(upload.initiated_at - engine.now()) < timedelta(minutes=30)


async def test_objects_are_listed_through_all_pages(engine: Engine) -> None:
    prefix = f"videos/{uuid.uuid4()}"
    made = [await make_object(engine, object_key=new_key(prefix)) for _ in range(5)]
    await make_object(engine)
    await begin(engine, new_key(prefix))

    listed = [item async for item in engine.paged_storage.list_objects(f"{prefix}/")]

    assert [item.object_key for item in listed] == sorted(upload.object_key for upload in made)
    assert {item.size_bytes for item in listed} == {len(BODY)}
    for item in listed:
        assert item.last_modified.tzinfo is not None
        assert abs(item.last_modified - engine.now()) < timedelta(minutes=30)


async def test_a_prefix_without_anything_lists_nothing(engine: Engine) -> None:
    prefix = f"videos/{uuid.uuid4()}/"

    assert [item async for item in engine.storage.list_objects(prefix)] == []
    assert await upload_ids(engine.storage, prefix) == []


async def test_a_whole_key_as_prefix_finds_its_uploads(engine: Engine) -> None:
    """A deletion finds uploads whose ID the row does not have."""
    upload = await begin(engine)

    assert await upload_ids(engine.storage, upload.object_key) == [upload.upload_id]


async def test_check_finds_the_bucket(engine: Engine) -> None:
    await engine.storage.check()


async def test_the_store_tells_its_time(engine: Engine) -> None:
    told = await engine.storage.server_time()

    assert told.tzinfo is not None
    assert abs(told - engine.now()) < timedelta(minutes=30)


async def test_the_stores_time_is_that_of_its_listings(engine: Engine) -> None:
    """Ages use one clock, so new objects are neither old nor in the future."""
    upload = await begin(engine)

    (listed,) = [found async for found in engine.storage.list_uploads(upload.object_key)]

    age = await engine.storage.server_time() - listed.initiated_at
    assert timedelta(seconds=-2) <= age < timedelta(minutes=5)
