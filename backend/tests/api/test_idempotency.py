"""Test Idempotency-Key on POST /videos."""

import asyncio
import uuid

import pytest

from app.bootstrap import Application
from app.domain.recheck import RECHECK_AFTER
from app.domain.video_status import VideoStatus
from tests.api.shapes import API, MP4, assert_error, with_settings
from tests.conftest import MakeVideo, SignedIn
from tests.factories import assert_quota_is_exact, count_videos, find_video, reserved_bytes
from tests.fakes import FakeClock, InMemoryStorage
from tests.waiting import TIMEOUT_SECONDS

VIDEOS = f"{API}/videos"


def a_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


async def test_repeat_returns_same_video(
    application: Application, storage: InMemoryStorage, signed_in: SignedIn
) -> None:
    alice, key = await signed_in(), a_key()
    first = await alice.post(VIDEOS, json=MP4, headers=key)
    second = await alice.post(VIDEOS, json=MP4, headers=key)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()
    assert await count_videos(application) == 1
    assert len(storage.open_uploads) == 1
    await assert_quota_is_exact(application, alice.user)


async def test_repeat_signs_new_urls(clock: FakeClock, signed_in: SignedIn) -> None:
    alice, key = await signed_in(), a_key()
    first = (await alice.post(VIDEOS, json=MP4, headers=key)).json()
    clock.advance(seconds=800)
    second = (await alice.post(VIDEOS, json=MP4, headers=key)).json()
    assert second["video"] == first["video"]
    assert second["upload"]["parts"][0]["expires_at"] > first["upload"]["parts"][0]["expires_at"]
    assert second["upload"]["server_time"] > first["upload"]["server_time"]


async def test_equivalent_spelling_is_same_request(signed_in: SignedIn) -> None:
    alice, key = await signed_in(), a_key()
    body = {"filename": "caf\u00e9.mp4", "size_bytes": 7, "content_type": "video/mp4"}
    first = await alice.post(VIDEOS, json=body, headers=key)
    other = {"filename": " cafe\u0301.mp4", "size_bytes": 7, "content_type": "VIDEO/X-M4V"}
    second = await alice.post(VIDEOS, json=other, headers={"idempotency-key": key["Idempotency-Key"].upper()})
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["video"]["id"] == first.json()["video"]["id"]


async def test_refuses_other_file_under_same_key(
    subtests: pytest.Subtests, application: Application, signed_in: SignedIn
) -> None:
    alice, key = await signed_in(), a_key()
    await alice.post(VIDEOS, json=MP4, headers=key)
    for change in (
        {"filename": "other.mp4"},
        {"size_bytes": 1025},
        {"filename": "harbour.mov", "content_type": "video/quicktime"},
    ):
        with subtests.test(str(change)):
            answer = await alice.post(VIDEOS, json={**MP4, **change}, headers=key)
            assert_error(answer, 409, "idempotency_conflict")
    assert await count_videos(application) == 1
    await assert_quota_is_exact(application, alice.user)


async def test_validates_repeat(signed_in: SignedIn) -> None:
    alice, key = await signed_in(), a_key()
    await alice.post(VIDEOS, json=MP4, headers=key)
    assert_error(await alice.post(VIDEOS, json={**MP4, "size_bytes": 0}, headers=key), 422, "file_empty")


async def test_keys_are_scoped_to_user(signed_in: SignedIn) -> None:
    alice, bob, key = await signed_in(), await signed_in(), a_key()
    hers = await alice.post(VIDEOS, json=MP4, headers=key)
    his = await bob.post(VIDEOS, json={**MP4, "size_bytes": 5}, headers=key)
    assert (hers.status_code, his.status_code) == (201, 201)
    assert hers.json()["video"]["id"] != his.json()["video"]["id"]


async def test_create_without_key_makes_new_video(application: Application, signed_in: SignedIn) -> None:
    alice = await signed_in()
    ids = {(await alice.post(VIDEOS, json=MP4)).json()["video"]["id"] for _ in range(3)}
    assert len(ids) == 3
    assert await count_videos(application) == 3


async def test_refuses_invalid_key(
    subtests: pytest.Subtests, application: Application, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    for key in (
        "",
        " ",
        "1",
        "not-a-uuid",
        "0" * 31,
        "0" * 33,
        "g" * 32,
        "x" * 5000,
        str(uuid.uuid4()) + "'",
    ):
        with subtests.test(key[:40]):
            answer = await alice.post(VIDEOS, json=MP4, headers={"Idempotency-Key": key})
            body = assert_error(answer, 422, "validation_error")
            assert body["errors"][0]["loc"] == ["header", "idempotency-key"]
    assert await count_videos(application) == 0


async def test_repeat_reports_status_after_upload(
    subtests: pytest.Subtests, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    alice = await signed_in()
    for status in ("completing", "processing", "ready", "failed"):
        with subtests.test(status):
            key = uuid.uuid4()
            video = await make_video(status, owner=alice.user, idempotency_key=key)
            answer = await alice.post(VIDEOS, json=MP4, headers={"Idempotency-Key": str(key)})
            assert answer.status_code == 200
            body = answer.json()
            assert body["upload"] is None
            assert body["video"] == (await alice.get(f"{VIDEOS}/{video.id}")).json()


async def test_key_lasts_until_row_is_deleted(
    application: Application, clock: FakeClock, signed_in: SignedIn
) -> None:
    alice, key = await signed_in(), a_key()
    first = (await alice.post(VIDEOS, json=MP4, headers=key)).json()["video"]["id"]
    assert (await alice.delete(f"{VIDEOS}/{first}")).status_code == 204

    # A repeat returns neither the video being deleted nor a second one.
    body = assert_error(await alice.post(VIDEOS, json=MP4, headers=key), 409, "wrong_state")
    assert body["status"] == "deleting"
    await assert_quota_is_exact(application, alice.user)

    clock.advance(RECHECK_AFTER)
    await application.reconciler.reconcile_due()
    assert await find_video(application, uuid.UUID(first)) is None
    again = await alice.post(VIDEOS, json=MP4, headers=key)
    assert again.status_code == 201
    assert again.json()["video"]["id"] != first


async def test_repeat_refuses_expired_upload(signed_in: SignedIn, make_video: MakeVideo) -> None:
    alice, key = await signed_in(), uuid.uuid4()
    await make_video(VideoStatus.EXPIRED, owner=alice.user, idempotency_key=key)
    answer = await alice.post(VIDEOS, json=MP4, headers={"Idempotency-Key": str(key)})
    assert assert_error(answer, 409, "wrong_state")["status"] == "expired"


async def test_concurrent_equal_creates_make_one_video(
    application: Application, storage: InMemoryStorage, signed_in: SignedIn
) -> None:
    alice, key = await signed_in(), a_key()
    answers = await asyncio.gather(*(alice.post(VIDEOS, json=MP4, headers=key) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.json()["video"]["id"] for answer in answers}) == 1
    assert len({answer.json()["upload"]["parts"][0]["url"] for answer in answers}) == 1
    assert await count_videos(application) == 1
    await application.tasks.drain(TIMEOUT_SECONDS)
    assert len(storage.open_uploads) == 1, "a request left its upload open"
    await assert_quota_is_exact(application, alice.user)


@with_settings(user_quota_bytes=1024, user_max_uploads_in_flight=1)
async def test_repeat_ignores_limits(application: Application, signed_in: SignedIn) -> None:
    alice, key = await signed_in(), a_key()
    assert (await alice.post(VIDEOS, json=MP4, headers=key)).status_code == 201
    assert (await alice.post(VIDEOS, json=MP4, headers=key)).status_code == 200
    assert await reserved_bytes(application, alice.user) == 1024
    assert_error(await alice.post(VIDEOS, json=MP4, headers=a_key()), 409, "quota_exceeded")
