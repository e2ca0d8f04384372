"""Test POST /videos/remove and POST /videos/restore."""

import json
import uuid
from io import StringIO

import pytest

from app.bootstrap import Application
from tests.api.shapes import (
    API,
    assert_error,
    assert_retry_later,
    assert_video,
    with_settings,
    without_request_id,
)
from tests.conftest import MakeVideo, SignedIn
from tests.factories import read_video

REMOVE, RESTORE = f"{API}/videos/remove", f"{API}/videos/restore"


async def test_removes_and_restores_several(
    signed_in: SignedIn, make_video: MakeVideo, log: StringIO
) -> None:
    alice = await signed_in()
    made = [str((await make_video("ready", owner=alice.user)).id) for _ in range(2)]
    unknown = str(uuid.uuid4())

    removed = await alice.post(REMOVE, json={"ids": [*made, unknown, made[0]]})

    assert removed.status_code == 200
    assert removed.json() == {"ids": sorted(made), "undo_seconds": 10}
    for video_id in made:
        assert_error(await alice.get(f"{API}/videos/{video_id}"), 404, "video_not_found")
    assert (await alice.get(f"{API}/videos")).json()["items"] == []
    restored = await alice.post(RESTORE, json={"ids": [made[0], unknown]})
    assert restored.status_code == 200
    (item,) = restored.json()["items"]
    assert_video(item)
    assert item == (await alice.get(f"{API}/videos/{made[0]}")).json()
    events = [line for line in map(json.loads, log.getvalue().splitlines()) if line.get("audit")]
    told = [(line["event"], line["video_ids"], line["user_id"]) for line in events if "video_ids" in line]
    assert told[:2] == [
        ("video.removed", sorted(made), str(alice.user.id)),
        ("video.restored", made[:1], str(alice.user.id)),
    ]


@pytest.mark.parametrize("path", [REMOVE, RESTORE])
async def test_ids_of_others_are_as_unknown_ones(
    application: Application, signed_in: SignedIn, make_video: MakeVideo, path: str
) -> None:
    alice, mallory = await signed_in(), await signed_in()
    shown, removed = [await make_video("ready", owner=alice.user) for _ in range(2)]
    await alice.post(REMOVE, json={"ids": [str(removed.id)]})
    before = [await read_video(application, video.id) for video in (shown, removed)]

    theirs = await mallory.post(path, json={"ids": [str(shown.id), str(removed.id)]})
    nobodys = await mallory.post(path, json={"ids": [str(uuid.uuid4()), str(uuid.uuid4())]})

    assert without_request_id(theirs) == without_request_id(nobodys)
    assert [await read_video(application, video.id) for video in (shown, removed)] == before


@pytest.mark.parametrize("path", [REMOVE, RESTORE])
async def test_refuses_other_lists(subtests: pytest.Subtests, signed_in: SignedIn, path: str) -> None:
    alice = await signed_in()
    for ids in ([], ["7"], [7], None, "all", [str(uuid.uuid4()) for _ in range(101)]):
        with subtests.test(str(ids)[:40]):
            assert_error(await alice.post(path, json={"ids": ids}), 422, "validation_error")


async def test_unconfirmed_bucket_refuses_a_removal(
    application: Application, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    alice = await signed_in()
    video = await make_video("ready", owner=alice.user)
    application.bucket.is_unconfirmed = True

    assert_retry_later(await alice.post(REMOVE, json={"ids": [str(video.id)]}), "storage_unavailable")
    assert (await alice.get(f"{API}/videos/{video.id}")).status_code == 200


@with_settings(user_max_uploads_in_flight=1)
async def test_restore_of_more_open_uploads_than_allowed(signed_in: SignedIn, make_video: MakeVideo) -> None:
    alice = await signed_in()
    removed = str((await make_video("uploading", owner=alice.user)).id)
    await alice.post(REMOVE, json={"ids": [removed]})
    newer = str((await make_video("uploading", owner=alice.user)).id)

    body = assert_error(await alice.post(RESTORE, json={"ids": [removed]}), 409, "too_many_uploads")

    assert body["open_video_ids"] == [newer]
