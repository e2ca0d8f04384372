"""Refuse to complete videos in the wrong state or of another user."""

import pytest

from app.bootstrap import Application
from app.domain.errors import VideoNotFound, WrongState
from app.models import User
from tests.conftest import MakeUser, MakeVideo
from tests.factories import (
    read_video,
)
from tests.fakes import InMemoryStorage
from tests.services.conftest import Sent


@pytest.mark.parametrize("status", ["processing", "ready", "failed"])
async def test_returns_settled_video_unchanged(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, status: str
) -> None:
    video = await make_video(status)

    answered = await application.completion.complete(user.id, video.id, {})

    assert answered.status == status
    assert storage.calls == []


@pytest.mark.parametrize("status", ["expired", "deleting"])
async def test_refuses_video_that_is_being_removed(
    application: Application, make_video: MakeVideo, user: User, status: str
) -> None:
    with pytest.raises(VideoNotFound):
        await application.completion.complete(user.id, (await make_video(status)).id, {})


async def test_refuses_another_users_video(
    application: Application, sent: Sent, storage: InMemoryStorage, make_user: MakeUser
) -> None:
    video = await sent()
    stranger = await make_user()

    with pytest.raises(VideoNotFound):
        await application.completion.complete(stranger.id, video.id, {})

    assert storage.objects == {}
    assert (await read_video(application, video.id)).status == "uploading"


async def test_refuses_row_without_upload_id(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    video = await make_video("uploading", upload_id=None, in_store=False)

    with pytest.raises(WrongState):
        await application.completion.complete(user.id, video.id, {})
