"""Test POST /videos/{id}/parts."""

import uuid
from urllib.parse import urlsplit

import pytest

from app.bootstrap import Application
from tests.api.shapes import API, assert_error, assert_signed_parts, assert_time, with_settings
from tests.conftest import MakeVideo, SignedIn
from tests.factories import announce, count_videos, read_video
from tests.fakes import FakeClock, InMemoryStorage

MIB = 1024 * 1024


def signing(video_id: object) -> str:
    return f"{API}/videos/{video_id}/parts"


async def test_signs_parts_in_requested_order(
    clock: FakeClock, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    alice = await signed_in()
    video = await make_video(owner=alice.user, size_bytes=2 * 1024 * MIB, part_size_bytes=16 * MIB)
    answer = await alice.post(signing(video.id), json={"part_numbers": [128, 1, 64]})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"parts", "server_time"}
    assert_signed_parts(body["parts"], [128, 1, 64])
    assert assert_time(body["server_time"]) == clock.now()
    assert all((assert_time(p["expires_at"]) - clock.now()).seconds == 900 for p in body["parts"])


@with_settings(presign_ttl_seconds=60)
async def test_url_lifetime_is_configurable(
    clock: FakeClock, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    alice = await signed_in()
    video = await make_video(owner=alice.user)
    (part,) = (await alice.post(signing(video.id), json={"part_numbers": [1]})).json()["parts"]
    assert (assert_time(part["expires_at"]) - clock.now()).seconds == 60


async def test_signing_has_no_side_effects(
    application: Application, storage: InMemoryStorage, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    alice = await signed_in()
    video = await make_video(owner=alice.user)
    before, calls = (await read_video(application, video.id)).model_dump(), list(storage.calls)
    first = await alice.post(signing(video.id), json={"part_numbers": [1]})
    second = await alice.post(signing(video.id), json={"part_numbers": [1]})
    assert first.json() == second.json()
    assert storage.calls == calls
    assert (await read_video(application, video.id)).model_dump() == before


async def test_url_accepts_only_its_part_and_length(storage: InMemoryStorage, signed_in: SignedIn) -> None:
    alice = await signed_in()
    announced = await announce(alice, b"x" * (5 * MIB + 7))
    urls = [part["url"] for part in announced.upload["parts"]]
    assert storage.put_part(urls[0], b"x" * 7) == 403
    assert storage.put_part(urls[1], b"x" * 8) == 403
    assert storage.put_part(urls[1], b"x" * 7) == 200
    assert storage.put_part(urls[0], b"x" * (5 * MIB)) == 200


async def test_urls_contain_no_user_text(signed_in: SignedIn) -> None:
    alice = await signed_in()
    announced = await announce(alice, filename="my secret holiday.mp4")
    for part in announced.upload["parts"]:
        assert "holiday" not in part["url"]
        assert urlsplit(part["url"]).path.endswith(".mp4")


async def test_refuses_part_numbers_outside_plan(
    subtests: pytest.Subtests, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    alice = await signed_in()
    video = await make_video(owner=alice.user, size_bytes=33 * 16 * MIB, part_size_bytes=16 * MIB)
    for numbers in (
        [0],
        [-1],
        [34],
        [1, 34],
        [10_000],
        [10_001],
        [2**63],
        [],
        [1, 1],
        [1, 2, 1],
        list(range(1, 34)),
        ["1"],
        [1.0],
        [1.5],
        [True],
        [None],
        [[1]],
        "1",
        1,
        None,
        {"1": 1},
    ):
        with subtests.test(str(numbers)[:60]):
            answer = await alice.post(signing(video.id), json={"part_numbers": numbers})
            body = assert_error(answer, 422, "validation_error")
            assert body["errors"][0]["loc"][:2] == ["body", "part_numbers"]
            assert "http://store.test" not in answer.text, "the error response contains a URL"
    assert (await alice.post(signing(video.id), json={"part_numbers": [33]})).status_code == 200


async def test_signs_at_most_32_parts(signed_in: SignedIn, make_video: MakeVideo) -> None:
    alice = await signed_in()
    video = await make_video(owner=alice.user, size_bytes=33 * 16 * MIB, part_size_bytes=16 * MIB)
    answer = await alice.post(signing(video.id), json={"part_numbers": list(range(2, 34))})
    assert_signed_parts(answer.json()["parts"], range(2, 34))


async def test_signs_open_uploads_only(
    subtests: pytest.Subtests, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    alice = await signed_in()
    for status in ("completing", "processing", "ready", "failed"):
        with subtests.test(status):
            video = await make_video(status, owner=alice.user)
            answer = await alice.post(signing(video.id), json={"part_numbers": [1]})
            body = assert_error(answer, 409, "wrong_state")
            assert body["status"] == status
    for status in ("expired", "deleting"):
        with subtests.test(status):
            video = await make_video(status, owner=alice.user)
            answer = await alice.post(signing(video.id), json={"part_numbers": [1]})
            assert_error(answer, 404, "video_not_found")


async def test_refuses_signing_without_upload_id(signed_in: SignedIn, make_video: MakeVideo) -> None:
    alice = await signed_in()
    video = await make_video(owner=alice.user, upload_id=None)
    answer = await alice.post(signing(video.id), json={"part_numbers": [1]})
    assert assert_error(answer, 409, "wrong_state")["status"] == "uploading"


async def test_refuses_signing_missing_video(application: Application, signed_in: SignedIn) -> None:
    alice = await signed_in()
    answer = await alice.post(signing(uuid.uuid4()), json={"part_numbers": [1]})
    assert_error(answer, 404, "video_not_found")
    assert await count_videos(application) == 0
