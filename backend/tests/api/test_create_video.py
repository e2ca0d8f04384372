"""Test POST /videos."""

import asyncio
import itertools
import uuid
from datetime import timedelta

import pytest

from app.bootstrap import Application
from app.domain.video_status import VideoStatus
from tests.api.shapes import (
    API,
    MP4,
    OBJECT_KEY,
    UPLOAD_FIELDS,
    VIDEO_FIELDS,
    assert_error,
    assert_retry_later,
    assert_signed_parts,
    assert_time,
    assert_video,
    with_settings,
)
from tests.api.test_upload_policy import TABLE
from tests.conftest import MakeVideo, SignedIn
from tests.factories import assert_quota_is_exact, count_videos, read_video, reserved_bytes
from tests.fakes import FakeClock, InMemoryStorage

MIB = 1024 * 1024
GIB = 1024 * MIB
VIDEOS = f"{API}/videos"
MANY_OPEN = {"user_max_uploads_in_flight": 1000, "user_quota_bytes": 1000 * 2 * GIB}

ALL_TYPES = [content_type for _, _, types, _ in TABLE for content_type in types]
FOREIGN_TYPES = [
    "",
    "video/*",
    "*/*",
    "video",
    "video/ogg",
    "audio/mp4",
    "image/gif",
    "text/html",
    "application/octet-stream",
    "application/mp4",
    "video/mp4; codecs=avc1",
    "video/mp4,video/webm",
    "video/mp4\r\nX-Injected: 1",
    "video/mp4\x00",
    "video/mp\u04244",
]
NAMES_WITHOUT_EXTENSION = ["a", "a.", "mp4", ".mp4", "a.mp 4", "1000012345", "12.05.2024"]
FOREIGN_NAMES = [
    "a.exe",
    "a.html",
    "a.svg",
    "a.mp3",
    "a.gif",
    "a.mpg",
    "a.ts",
    "a.m3u8",
    "a.mp4.html",
    "a.mp4.download",
    "a.mp4/",
    "a.mp4~",
    "a.ｍｐ４",
    "a.mp４",
]


async def test_returns_video_plan_and_first_urls(
    clock: FakeClock, signed_in: SignedIn, application: Application
) -> None:
    alice = await signed_in()
    answer = await alice.post(VIDEOS, json={**MP4, "size_bytes": 12 * MIB})

    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"video", "upload"}
    video, upload = body["video"], body["upload"]
    assert_video(video)
    assert video == {
        **dict.fromkeys(VIDEO_FIELDS),
        "id": video["id"],
        "original_filename": "harbour.mp4",
        "content_type": "video/mp4",
        "size_bytes": 12 * MIB,
        "status": "uploading",
        "metadata_complete": False,
        "created_at": video["created_at"],
    }
    assert assert_time(video["created_at"]) == clock.now()
    assert set(upload) == UPLOAD_FIELDS
    assert (upload["part_size_bytes"], upload["part_count"]) == (5 * MIB, 3)
    assert assert_time(upload["server_time"]) == clock.now()
    assert assert_time(upload["expires_at"]) == clock.now() + timedelta(hours=1)
    assert_signed_parts(upload["parts"], [1, 2, 3])
    assert [part["size_bytes"] for part in upload["parts"]] == [5 * MIB, 5 * MIB, 2 * MIB]
    for part in upload["parts"]:
        assert assert_time(part["expires_at"]) == clock.now() + timedelta(seconds=900)
    assert OBJECT_KEY.match((await read_video(application, uuid.UUID(video["id"]))).object_key)


async def test_created_video_is_readable(signed_in: SignedIn) -> None:
    alice = await signed_in()
    created = (await alice.post(VIDEOS, json=MP4)).json()["video"]
    assert (await alice.get(f"{VIDEOS}/{created['id']}")).json() == created
    assert (await alice.get(VIDEOS)).json()["items"] == [created]


async def test_sets_object_type_and_disposition(
    storage: InMemoryStorage, signed_in: SignedIn, application: Application
) -> None:
    """The browser can change neither the type nor the disposition."""
    alice = await signed_in()
    created = (await alice.post(VIDEOS, json={**MP4, "content_type": "video/x-m4v"})).json()["video"]
    row = await read_video(application, uuid.UUID(created["id"]))
    (upload,) = storage._uploads.values()
    assert (upload.object_key, upload.upload_id) == (row.object_key, row.upload_id)
    assert upload.content_type == "video/mp4"
    assert upload.content_disposition == "attachment"
    assert list(upload.metadata.values()) == [row.object_token]


# --- sizes --------------------------------------------------------------------------------------------------------


@with_settings(**MANY_OPEN)
async def test_plan_covers_file_exactly(subtests: pytest.Subtests, signed_in: SignedIn) -> None:
    alice = await signed_in()
    for size, part_size, count in (
        (1, 5 * MIB, 1),
        (5 * MIB, 5 * MIB, 1),
        (5 * MIB + 1, 5 * MIB, 2),
        (30 * MIB, 5 * MIB, 6),
        (30 * MIB + 1, 6 * MIB, 6),
        (96 * MIB, 16 * MIB, 6),
        (100 * MIB, 16 * MIB, 7),
        (GIB, 16 * MIB, 64),
        (2 * GIB, 16 * MIB, 128),
    ):
        with subtests.test(size=size):
            answer = await alice.post(VIDEOS, json={**MP4, "size_bytes": size})
            assert answer.status_code == 201
            upload = answer.json()["upload"]
            assert (upload["part_size_bytes"], upload["part_count"]) == (part_size, count)
            assert_signed_parts(upload["parts"], range(1, min(count, 32) + 1))
            if count <= 32:
                assert sum(part["size_bytes"] for part in upload["parts"]) == size


async def test_two_gib_need_three_sign_calls(signed_in: SignedIn) -> None:
    alice = await signed_in()
    body = (await alice.post(VIDEOS, json={**MP4, "size_bytes": 2 * GIB})).json()
    signed = {part["part_number"]: part for part in body["upload"]["parts"]}
    calls = 0
    while len(signed) < body["upload"]["part_count"]:
        wanted = [n for n in range(1, 129) if n not in signed][:32]
        answer = await alice.post(f"{VIDEOS}/{body['video']['id']}/parts", json={"part_numbers": wanted})
        signed |= {part["part_number"]: part for part in answer.json()["parts"]}
        calls += 1
    assert calls == 3
    assert sorted(signed) == list(range(1, 129))
    assert sum(part["size_bytes"] for part in signed.values()) == 2 * GIB
    assert len({part["url"] for part in signed.values()}) == 128


async def test_refuses_size_out_of_bounds(
    subtests: pytest.Subtests, application: Application, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    for size, status, code in (
        (0, 422, "file_empty"),
        (-1, 422, "file_empty"),
        (-(2**63), 422, "file_empty"),
        (2 * GIB + 1, 413, "file_too_large"),
        (2**63 - 1, 413, "file_too_large"),
        (2**63, 413, "file_too_large"),
        (2**64, 413, "file_too_large"),
    ):
        with subtests.test(size=size):
            body = assert_error(await alice.post(VIDEOS, json={**MP4, "size_bytes": size}), status, code)
            if code == "file_too_large":
                assert (body["size_bytes"], body["limit_bytes"]) == (size, 2 * GIB)
                assert "2 GiB" in body["detail"]
    assert await count_videos(application) == 0


@with_settings(max_upload_bytes=1000)
async def test_size_limit_is_configurable(signed_in: SignedIn) -> None:
    alice = await signed_in()
    assert (await alice.post(VIDEOS, json={**MP4, "size_bytes": 1000})).status_code == 201
    body = assert_error(await alice.post(VIDEOS, json={**MP4, "size_bytes": 1001}), 413, "file_too_large")
    assert body["limit_bytes"] == 1000


# --- names and types ----------------------------------------------------------------------------------------------


@with_settings(**MANY_OPEN)
async def test_stores_first_type_of_extension(
    subtests: pytest.Subtests, application: Application, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    for container, extensions, types, _ in TABLE:
        for extension, content_type in itertools.product(extensions, types):
            for name, sent in (
                (f"harbour{extension}", content_type),
                (f"HARBOUR{extension.upper()}", content_type.upper()),
                (f"a.b{extension}{extension}", f" {content_type} "),
            ):
                with subtests.test(f"{name} as {sent}"):
                    answer = await alice.post(
                        VIDEOS, json={"filename": name, "size_bytes": 1, "content_type": sent}
                    )
                    assert answer.status_code == 201, answer.text
                    video = answer.json()["video"]
                    assert video["content_type"] == types[0]
                    assert video["container"] is None, "the probe sets the container"
                    row = await read_video(application, uuid.UUID(video["id"]))
                    assert row.object_key.endswith(f".{container}")
                    assert OBJECT_KEY.match(row.object_key)


async def test_refuses_type_of_other_extension(
    subtests: pytest.Subtests, application: Application, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    for _, extensions, types, _ in TABLE:
        for extension, content_type in itertools.product(extensions, [*ALL_TYPES, *FOREIGN_TYPES]):
            if content_type in types:
                continue
            with subtests.test(f"{extension} as {content_type}"):
                answer = await alice.post(
                    VIDEOS, json={"filename": f"a{extension}", "size_bytes": 1, "content_type": content_type}
                )
                body = assert_error(answer, 422, "content_type_mismatch")
                assert types[0] in body["detail"], "the detail omits the expected type"
    assert await count_videos(application) == 0


async def test_refuses_other_extensions(
    subtests: pytest.Subtests, application: Application, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    for name in FOREIGN_NAMES:
        with subtests.test(name):
            body = assert_error(
                await alice.post(VIDEOS, json={**MP4, "filename": name}), 422, "unsupported_container"
            )
            assert body["accepted"] == ["mp4", "mov", "avi", "webm", "mkv"]
    assert await count_videos(application) == 0


@with_settings(**MANY_OPEN)
async def test_type_decides_for_name_without_extension(
    subtests: pytest.Subtests, application: Application, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    known = {
        content_type: (extensions[0], types[0]) for _, extensions, types, _ in TABLE for content_type in types
    }
    for name, content_type in itertools.product(NAMES_WITHOUT_EXTENSION, [*ALL_TYPES, *FOREIGN_TYPES]):
        with subtests.test(f"{name} as {content_type}"):
            answer = await alice.post(
                VIDEOS, json={"filename": name, "size_bytes": 1, "content_type": content_type}
            )
            if content_type not in known:
                assert_error(answer, 422, "unsupported_container")
                continue
            assert answer.status_code == 201, answer.text
            video = answer.json()["video"]
            extension, stored_type = known[content_type]
            assert video["original_filename"] == name.rstrip(".") + extension
            assert video["content_type"] == stored_type
            row = await read_video(application, uuid.UUID(video["id"]))
            assert row.object_key.endswith(extension)


async def test_refuses_content_type_of_invalid_length(signed_in: SignedIn) -> None:
    alice = await signed_in()
    answer = await alice.post(VIDEOS, json={**MP4, "content_type": "v" * 201})
    assert_error(answer, 422, "validation_error")


# --- quota and open uploads ---------------------------------------------------------------------------------------


@with_settings(user_quota_bytes=1000)
async def test_quota_counts_announced_sizes(application: Application, signed_in: SignedIn) -> None:
    alice = await signed_in()
    assert (await alice.post(VIDEOS, json={**MP4, "size_bytes": 600})).status_code == 201
    body = assert_error(await alice.post(VIDEOS, json={**MP4, "size_bytes": 401}), 409, "quota_exceeded")
    assert (body["used_bytes"], body["quota_bytes"]) == (600, 1000)
    assert (await alice.post(VIDEOS, json={**MP4, "size_bytes": 400})).status_code == 201
    assert_error(await alice.post(VIDEOS, json={**MP4, "size_bytes": 1}), 409, "quota_exceeded")
    await assert_quota_is_exact(application, alice.user)
    # Each user has a separate quota.
    bob = await signed_in()
    assert (await bob.post(VIDEOS, json={**MP4, "size_bytes": 1000})).status_code == 201


@with_settings(user_quota_bytes=1000, user_max_uploads_in_flight=100)
async def test_concurrent_creates_respect_quota(application: Application, signed_in: SignedIn) -> None:
    alice = await signed_in()
    answers = await asyncio.gather(*(alice.post(VIDEOS, json={**MP4, "size_bytes": 300}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    assert await reserved_bytes(application, alice.user) == 900
    await assert_quota_is_exact(application, alice.user)


@with_settings(user_max_videos=2)
async def test_failed_videos_count_against_the_number_of_videos(
    application: Application, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    alice = await signed_in()
    for _ in range(2):
        await make_video("failed", owner=alice.user)
    before = await reserved_bytes(application, alice.user)

    body = assert_error(await alice.post(VIDEOS, json=MP4), 409, "too_many_videos")

    assert body["limit_videos"] == 2
    assert "Delete some" in body["detail"]
    assert await reserved_bytes(application, alice.user) == before
    # Each user has a number of its own.
    assert (await (await signed_in()).post(VIDEOS, json=MP4)).status_code == 201


@with_settings(user_max_uploads_in_flight=2)
async def test_refusal_lists_open_uploads(
    application: Application, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    alice = await signed_in()
    for status in VideoStatus:
        if status not in (VideoStatus.UPLOADING, VideoStatus.COMPLETING):
            await make_video(status, owner=alice.user)
    await make_video("uploading", owner=(await signed_in()).user)
    open_ids = [
        str((await make_video("completing", owner=alice.user)).id),
        (await alice.post(VIDEOS, json=MP4)).json()["video"]["id"],
    ]
    before = await reserved_bytes(application, alice.user)

    body = assert_error(await alice.post(VIDEOS, json=MP4), 409, "too_many_uploads")

    assert sorted(body["open_video_ids"]) == sorted(open_ids)
    assert await reserved_bytes(application, alice.user) == before
    assert (await alice.delete(f"{VIDEOS}/{open_ids[1]}")).status_code == 204
    assert (await alice.post(VIDEOS, json=MP4)).status_code == 201


@with_settings(user_max_uploads_in_flight=3)
async def test_concurrent_creates_respect_upload_limit(application: Application, signed_in: SignedIn) -> None:
    alice = await signed_in()
    answers = await asyncio.gather(*(alice.post(VIDEOS, json=MP4) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    await assert_quota_is_exact(application, alice.user)


# --- store unreachable --------------------------------------------------------------------------------------------


async def test_create_without_store_is_repeatable(
    application: Application, storage: InMemoryStorage, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    key = {"Idempotency-Key": str(uuid.uuid4())}
    storage.fail_next("create_multipart_upload")

    assert_retry_later(await alice.post(VIDEOS, json=MP4, headers=key), "storage_unavailable")

    assert await count_videos(application) == 0
    assert await reserved_bytes(application, alice.user) == 0
    assert (await alice.post(VIDEOS, json=MP4, headers=key)).status_code == 201
    assert len(storage.open_uploads) == 1
    await assert_quota_is_exact(application, alice.user)
