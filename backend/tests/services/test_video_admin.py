"""What the operator may do to videos: find them, and take one down."""

import uuid

import pytest
from structlog.testing import capture_logs

from app.bootstrap import Application
from app.domain.errors import StorageUnavailable, VideoNotFound
from app.domain.recheck import RECHECK_AFTER
from app.domain.video_status import VideoStatus
from app.models import User
from app.services.video_admin import NoSuchVideo, ReasonMissing
from tests.conftest import MakeUser, MakeVideo
from tests.factories import find_video, read_video, reserved_bytes
from tests.fakes import FakeClock, InMemoryStorage

REASON = "court order 7/26"


async def test_lists_every_video_of_the_account_newest_first(
    application: Application, clock: FakeClock, user: User, make_user: MakeUser, make_video: MakeVideo
) -> None:
    made = []
    for status in VideoStatus:
        made.append(await make_video(status))
        clock.advance(seconds=1)
    await make_video("ready", owner=await make_user())

    found = await application.video_admin.list_of(user.id, list(VideoStatus))
    ready = await application.video_admin.list_of(user.id, [VideoStatus.READY])

    assert [video.id for video in found] == [video.id for video in reversed(made)]
    assert [video.status for video in ready] == ["ready"]


async def test_finds_a_video_in_any_text_with_its_id(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    video = await make_video("deleting")
    for name in (
        str(video.id),
        str(video.id).upper(),
        f"https://video.example/videos/{video.id}/",
        f"https://s3.example/slipway/{video.object_key}?X-Amz-Expires=900",
    ):
        found = await application.video_admin.find(name)
        assert (found.video.id, found.email) == (video.id, user.email)


async def test_what_names_no_video_is_said(application: Application, user: User) -> None:
    for name in ("", "harbour.mp4", str(uuid.uuid4()), str(user.id), "\0"):
        with pytest.raises(NoSuchVideo, match="slipway video list"):
            await application.video_admin.find(name)


@pytest.mark.parametrize("status", set(VideoStatus) - {VideoStatus.DELETING})
async def test_taken_down_video_is_hidden_and_its_bytes_go(
    application: Application,
    storage: InMemoryStorage,
    clock: FakeClock,
    user: User,
    make_video: MakeVideo,
    status: VideoStatus,
) -> None:
    video = await make_video(status, lease_until=None)

    with capture_logs() as lines:
        await application.video_admin.take_down(video, REASON)

    with pytest.raises(VideoNotFound):
        await application.videos.get(user.id, video.id)
    (line,) = [line for line in lines if line.get("audit")]
    assert (line["event"], line["by"], line["reason"]) == ("video.taken_down", "operator", REASON)
    assert (line["user_id"], line["video_id"]) == (str(user.id), str(video.id))
    assert await application.video_admin.clear(video.id)
    assert (storage.objects, list(storage.open_uploads)) == ({}, [])
    assert await reserved_bytes(application, user) == 0
    clock.advance(RECHECK_AFTER)
    await application.reconciler.reconcile_due()
    assert await find_video(application, video.id) is None


async def test_second_take_down_records_nothing(application: Application, make_video: MakeVideo) -> None:
    video = await make_video("ready")
    assert await application.video_admin.take_down(video, REASON)

    with capture_logs() as lines:
        assert not await application.video_admin.take_down(video, REASON)

    assert not [line for line in lines if line.get("audit")]


@pytest.mark.parametrize("reason", ["", "two\nlines", "\x1b[2J", "x" * 201])
async def test_reason_is_one_line(application: Application, make_video: MakeVideo, reason: str) -> None:
    video = await make_video("ready")

    with pytest.raises(ReasonMissing, match="one line"):
        await application.video_admin.take_down(video, reason)

    assert (await read_video(application, video.id)).status == "ready"


async def test_without_the_store_the_bytes_go_later(
    application: Application, storage: InMemoryStorage, make_video: MakeVideo
) -> None:
    video = await make_video("ready")
    await application.video_admin.take_down(video, REASON)
    storage.fail_next("check", StorageUnavailable())

    assert not await application.video_admin.clear(video.id)

    await application.reconciler.reconcile_due()
    assert storage.objects == {}


async def test_bytes_that_a_completion_may_still_assemble_are_not_called_gone(
    application: Application, clock: FakeClock, make_video: MakeVideo
) -> None:
    video = await make_video("completing", lease_owner=uuid.uuid4(), lease_until=clock.now() + RECHECK_AFTER)
    await application.video_admin.take_down(video, REASON)

    assert not await application.video_admin.clear(video.id)
