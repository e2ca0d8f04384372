"""Sign the parts of the plan while the video is uploading."""

from datetime import timedelta

import pytest

from app.bootstrap import Application
from app.domain.errors import InvalidRequest, VideoNotFound, WrongState
from app.models import User
from tests.conftest import MakeUser, MakeVideo
from tests.factories import part_of
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.conftest import TWO_PARTS, Create

TWO_GIB = 2 * 1024**3


async def test_signs_first_32_parts_at_create(create: Create) -> None:
    started = await create(size_bytes=TWO_GIB)

    assert started.parts is not None
    assert [part.part_number for part in started.parts] == list(range(1, 33))


async def test_signs_parts_in_any_order(application: Application, create: Create, user: User) -> None:
    started = await create(size_bytes=TWO_GIB)

    signed = await application.uploads.sign_parts(user.id, started.video.id, [128, 1, 33])

    assert [part.part_number for part in signed] == [128, 1, 33]
    assert {part.size_bytes for part in signed} == {16 * 1024**2}


async def test_url_accepts_only_the_planned_length(
    application: Application, create: Create, user: User, storage: InMemoryStorage
) -> None:
    video = (await create(TWO_PARTS)).video

    (last,) = await application.uploads.sign_parts(user.id, video.id, [2])

    assert storage.put_part(last.url, part_of(video, TWO_PARTS, 1)) == 403
    assert storage.put_part(last.url, part_of(video, TWO_PARTS, 2)) == 200


async def test_url_lives_15_minutes(
    application: Application, create: Create, user: User, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = (await create(TWO_PARTS)).video
    clock.advance(minutes(7))

    (part,) = await application.uploads.sign_parts(user.id, video.id, [2])

    assert part.expires_at == clock.now() + minutes(15)
    clock.advance(minutes(15) - timedelta(seconds=1))
    assert storage.put_part(part.url, part_of(video, TWO_PARTS, 2)) == 200
    clock.advance(seconds=1)
    assert storage.put_part(part.url, part_of(video, TWO_PARTS, 2)) == 403


async def test_signing_sends_no_request(
    application: Application, create: Create, user: User, storage: InMemoryStorage
) -> None:
    video = (await create(TWO_PARTS)).video
    storage.calls.clear()

    await application.uploads.sign_parts(user.id, video.id, [1, 2])

    assert storage.calls == []


@pytest.mark.parametrize("number", [0, 3, -1, 10_000])
async def test_refuses_part_outside_the_plan(
    application: Application, create: Create, user: User, number: int
) -> None:
    video = (await create(TWO_PARTS)).video

    with pytest.raises(InvalidRequest):
        await application.uploads.sign_parts(user.id, video.id, [1, number])


@pytest.mark.parametrize("status", ["completing", "processing", "ready", "failed"])
async def test_signs_nothing_after_uploading(
    application: Application, make_video: MakeVideo, user: User, status: str
) -> None:
    video = await make_video(status)

    with pytest.raises(WrongState) as raised:
        await application.uploads.sign_parts(user.id, video.id, [1])

    assert raised.value.facts == {"status": status}


@pytest.mark.parametrize("status", ["expired", "deleting"])
async def test_removed_video_is_not_found(
    application: Application, make_video: MakeVideo, user: User, status: str
) -> None:
    video = await make_video(status)

    with pytest.raises(VideoNotFound):
        await application.uploads.sign_parts(user.id, video.id, [1])


async def test_another_users_video_is_not_found(
    application: Application, create: Create, make_user: MakeUser
) -> None:
    video = (await create()).video
    stranger = await make_user()

    with pytest.raises(VideoNotFound):
        await application.uploads.sign_parts(stranger.id, video.id, [1])


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)
