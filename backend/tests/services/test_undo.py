"""A removal can be taken back for a while. Then the reconciler deletes the video."""

import uuid
from datetime import timedelta

import pytest

from app.bootstrap import Application
from app.domain.errors import TooManyUploads, VideoNotFound, WrongState
from app.domain.video_list import VideoQuery
from app.domain.video_status import HIDDEN, IN_FLIGHT, VideoStatus
from app.models import User, Video
from tests.conftest import MakeUser, MakeVideo
from tests.factories import (
    SMALL_VIDEO,
    assert_quota_is_exact,
    find_video,
    read_video,
    reserved_bytes,
    run_due_probes,
)
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.conftest import Create, Sent, part_md5s_of

UNDO_SECONDS = 10


async def is_shown(application: Application, video: Video) -> bool:
    try:
        await application.videos.get(video.user_id, video.id)
    except VideoNotFound:
        return False
    return True


def unchanged(video: Video) -> dict[str, object]:
    return video.model_dump(exclude={"changed_at"})


async def listed(application: Application, user: User) -> list[uuid.UUID]:
    return [video.id for video in (await application.videos.list_page(user.id, VideoQuery(), 20)).items]


async def settle(application: Application, clock: FakeClock) -> None:
    """Let the reconciler finish what is due, with both confirmations of a removal."""
    for _ in range(4):
        await application.reconciler.reconcile_due()
        clock.advance(minutes=5)


@pytest.mark.parametrize("status", set(VideoStatus) - HIDDEN)
async def test_removed_video_is_hidden_and_its_bytes_count(
    application: Application, make_video: MakeVideo, user: User, status: VideoStatus
) -> None:
    video = await make_video(status)

    assert await application.undo.remove(user.id, [video.id]) == [video.id]

    assert not await is_shown(application, video)
    assert await listed(application, user) == []
    assert (await application.videos.list_page(user.id, VideoQuery(), 20)).matching.count == 0  # type: ignore[union-attr]
    assert await reserved_bytes(application, user) == video.size_bytes
    assert (await read_video(application, video.id)).status is status


@pytest.mark.parametrize("status", set(VideoStatus) - HIDDEN)
async def test_restored_video_is_as_it_was(
    application: Application, make_video: MakeVideo, clock: FakeClock, user: User, status: VideoStatus
) -> None:
    video = await make_video(status, due_at=None)
    await application.undo.remove(user.id, [video.id])
    clock.advance(seconds=UNDO_SECONDS - 1)
    await application.reconciler.reconcile_due()

    (restored,) = await application.undo.restore(user.id, [video.id])

    assert unchanged(restored) == unchanged(video)
    clock.advance(seconds=UNDO_SECONDS)
    await application.reconciler.reconcile_due()
    assert unchanged(await read_video(application, video.id)) == unchanged(video)


@pytest.mark.parametrize("status", set(VideoStatus) - HIDDEN)
async def test_deleted_once_the_time_is_over(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
    user: User,
    status: VideoStatus,
) -> None:
    video = await make_video(status)
    await application.undo.remove(user.id, [video.id])
    clock.advance(seconds=UNDO_SECONDS)

    await application.reconciler.reconcile_due()

    assert (await read_video(application, video.id)).status is VideoStatus.DELETING
    assert await application.undo.restore(user.id, [video.id]) == []
    await settle(application, clock)
    assert await find_video(application, video.id) is None
    assert (storage.objects, storage.open_uploads) == ({}, [])
    await assert_quota_is_exact(application, user)


async def test_repeated_removal_keeps_its_time(
    application: Application, make_video: MakeVideo, clock: FakeClock, user: User
) -> None:
    video = await make_video("ready")
    await application.undo.remove(user.id, [video.id])
    clock.advance(seconds=UNDO_SECONDS - 1)

    assert await application.undo.remove(user.id, [video.id]) == [video.id]

    clock.advance(seconds=1)
    await application.reconciler.reconcile_due()
    assert (await read_video(application, video.id)).status is VideoStatus.DELETING


async def test_repeated_restore_answers_alike(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    video = await make_video("ready")
    await application.undo.remove(user.id, [video.id])
    first = await application.undo.restore(user.id, [video.id])

    assert await application.undo.restore(user.id, [video.id]) == first


async def test_other_users_videos_are_as_unknown_ones(
    application: Application, make_video: MakeVideo, make_user: MakeUser, user: User
) -> None:
    stranger = await make_user()
    video, removed = await make_video("ready"), await make_video("ready")
    await application.undo.remove(user.id, [removed.id])

    assert await application.undo.remove(stranger.id, [video.id, uuid.uuid4()]) == []
    assert await application.undo.restore(stranger.id, [removed.id, video.id]) == []

    assert await listed(application, user) == [video.id]


@pytest.mark.parametrize("status", HIDDEN)
async def test_deleted_video_is_left_out(
    application: Application, make_video: MakeVideo, user: User, status: VideoStatus
) -> None:
    video = await make_video(status)

    assert await application.undo.remove(user.id, [video.id]) == []
    assert await application.undo.restore(user.id, [video.id]) == []


async def test_removed_video_goes_on_and_comes_back_ready(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    video = await make_video("processing")
    await application.undo.remove(user.id, [video.id])
    await run_due_probes(application)

    (restored,) = await application.undo.restore(user.id, [video.id])

    assert restored.status is VideoStatus.READY


async def test_removed_upload_takes_no_requests(application: Application, sent: Sent, user: User) -> None:
    video = await sent()
    await application.undo.remove(user.id, [video.id])

    with pytest.raises(VideoNotFound):
        await application.uploads.sign_parts(user.id, video.id, [1])
    with pytest.raises(VideoNotFound):
        await application.completion.complete(user.id, video.id, part_md5s_of(video, SMALL_VIDEO))
    with pytest.raises(VideoNotFound):
        await application.videos.delete(user.id, video.id)

    await application.undo.restore(user.id, [video.id])
    done = await application.completion.complete(user.id, video.id, part_md5s_of(video, SMALL_VIDEO))
    assert done.status is VideoStatus.PROCESSING


async def test_create_with_the_key_of_a_removed_upload(
    application: Application, create: Create, user: User
) -> None:
    key = uuid.uuid4()
    started = await create(key=key)
    await application.undo.remove(user.id, [started.video.id])

    with pytest.raises(WrongState, match="deleting"):
        await create(key=key)


@pytest.mark.parametrize("status", IN_FLIGHT)
async def test_removed_uploads_make_room_that_a_restore_needs(
    application: Application, make_video: MakeVideo, create: Create, user: User, status: VideoStatus
) -> None:
    limit = application.settings.user_max_uploads_in_flight
    leftovers = [(await make_video(status)).id for _ in range(limit)]
    ready = await make_video("ready")
    with pytest.raises(TooManyUploads):
        await create()
    await application.undo.remove(user.id, [*leftovers, ready.id])
    new = (await create()).video

    with pytest.raises(TooManyUploads) as refused:
        await application.undo.restore(user.id, [*leftovers, ready.id])

    assert refused.value.facts == {"open_video_ids": [str(new.id)]}
    assert await listed(application, user) == [new.id]
    assert len(await application.undo.restore(user.id, [*leftovers[1:], ready.id])) == limit
    await assert_quota_is_exact(application, user)


async def test_disabling_the_owner_stops_removed_uploads(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    video = await make_video("uploading")
    await application.undo.remove(user.id, [video.id])

    assert await application.user_admin.disable(user.id) == [video.id]


async def test_operator_counts_removed_videos_as_being_removed(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    await make_video("ready")
    for status in ("uploading", "ready"):
        await application.undo.remove(user.id, [(await make_video(status)).id])

    account = await application.user_admin.find(user.email)

    assert (account.videos, account.open_uploads, account.being_removed) == (1, 0, 2)


async def test_expired_upload_stays_removed(
    application: Application, make_video: MakeVideo, clock: FakeClock, user: User
) -> None:
    moment = clock.now() + timedelta(seconds=1)
    video = await make_video("uploading", expires_at=moment, due_at=moment)
    await application.undo.remove(user.id, [video.id])
    clock.advance(seconds=2)
    await application.reconciler.reconcile_due()

    assert await application.undo.restore(user.id, [video.id]) == []

    await settle(application, clock)
    assert await find_video(application, video.id) is None
