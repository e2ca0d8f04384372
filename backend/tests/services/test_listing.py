"""List a user's videos in pages, newest first."""

import uuid
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bootstrap import Application
from app.domain.errors import InvalidRequest, VideoNotFound
from app.domain.video_status import VideoStatus
from app.models import User
from app.services.videos import decode_cursor, encode_cursor
from tests.conftest import MakeUser, MakeVideo
from tests.fakes import FakeClock


async def ids_of_all_pages(
    application: Application, user: User, limit: int, status: VideoStatus | None = None
) -> list[uuid.UUID]:
    ids: list[uuid.UUID] = []
    cursor = None
    while True:
        page = await application.videos.list_page(user.id, limit, cursor, status)
        assert len(page.items) <= limit
        ids += [video.id for video in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return ids


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
async def test_pages_cover_the_list(
    application: Application, make_video: MakeVideo, user: User, clock: FakeClock, limit: int
) -> None:
    made = []
    for age in range(5):
        made.append(await make_video("ready", created_at=clock.now() - timedelta(milliseconds=age)))

    assert await ids_of_all_pages(application, user, limit) == [video.id for video in made]


async def test_keeps_videos_of_one_moment_apart(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    made = {(await make_video("ready")).id for _ in range(7)}

    listed = await ids_of_all_pages(application, user, 2)

    assert len(listed) == 7
    assert set(listed) == made


async def test_new_video_does_not_shift_pages(
    application: Application, make_video: MakeVideo, user: User, clock: FakeClock
) -> None:
    made = []
    for age in range(4):
        made.append(await make_video("ready", created_at=clock.now() - timedelta(seconds=age)))
    first = await application.videos.list_page(user.id, 2, None, None)
    clock.advance(seconds=1)
    await make_video("ready")

    second = await application.videos.list_page(user.id, 2, first.next_cursor, None)

    assert [video.id for video in second.items] == [video.id for video in made[2:]]


async def test_filters_by_status(application: Application, make_video: MakeVideo, user: User) -> None:
    ready = await make_video("ready")
    await make_video("failed")
    await make_video("uploading")

    assert await ids_of_all_pages(application, user, 1, VideoStatus.READY) == [ready.id]


async def test_never_lists_removed_videos(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    for status in ("deleting", "expired"):
        await make_video(status)

    assert await ids_of_all_pages(application, user, 10) == []
    assert await ids_of_all_pages(application, user, 10, VideoStatus.DELETING) == []


async def test_lists_only_own_videos(
    application: Application, make_video: MakeVideo, make_user: MakeUser
) -> None:
    video = await make_video("ready")
    stranger = await make_user()

    assert await ids_of_all_pages(application, stranger, 10) == []
    with pytest.raises(VideoNotFound):
        await application.videos.get(stranger.id, video.id)
    with pytest.raises(VideoNotFound):
        await application.videos.get(stranger.id, uuid.uuid4())


async def test_cursor_is_exact_to_the_microsecond(make_video: MakeVideo, clock: FakeClock) -> None:
    video = await make_video("ready", created_at=clock.now() + timedelta(microseconds=123_456))

    place = decode_cursor(encode_cursor(video))

    assert (place.created_at, place.id) == (video.created_at, video.id)


@given(st.text(max_size=200))
def test_refuses_invalid_cursor(cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        decode_cursor(cursor)
