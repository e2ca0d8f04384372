"""Tell what changed since an earlier answer."""

from datetime import timedelta

import pytest

from app.bootstrap import Application
from app.domain.recheck import RECHECK_AFTER
from app.domain.video_changes import MAX_AGE, MAX_CHANGES, OVERLAP
from app.domain.video_list import VideoQuery
from app.domain.video_status import HIDDEN, VideoStatus
from app.models import User
from tests.conftest import MakeUser, MakeVideo
from tests.factories import SMALL_VIDEO, find_video, run_due_probes
from tests.fakes import FakeClock
from tests.services.conftest import Create, Sent, part_md5s_of

LONG = OVERLAP + timedelta(seconds=1)
"""After this, an answer tells nothing of before."""


async def test_each_step_of_a_video_is_listed(
    application: Application, sent: Sent, clock: FakeClock, user: User
) -> None:
    as_of = (await application.videos.list_page(user.id, VideoQuery(), 20)).as_of

    async def changes() -> list[VideoStatus | str]:
        nonlocal as_of
        changes = await application.videos.changes(user.id, as_of)
        assert changes.is_complete
        clock.advance(LONG)
        as_of = (await application.videos.changes(user.id, clock.now())).as_of
        return [*(video.status for video in changes.videos), *("gone" for _ in changes.gone)]

    video = await sent()
    assert await changes() == [VideoStatus.UPLOADING]
    await application.completion.complete(user.id, video.id, part_md5s_of(video, SMALL_VIDEO))
    assert await changes() == [VideoStatus.PROCESSING]
    await run_due_probes(application)
    assert await changes() == [VideoStatus.READY]
    assert await changes() == []
    await application.undo.remove(user.id, [video.id])
    assert await changes() == ["gone"]
    await application.undo.restore(user.id, [video.id])
    assert await changes() == [VideoStatus.READY]
    await application.undo.remove(user.id, [video.id])
    clock.advance(LONG)
    await application.reconciler.reconcile_due()
    assert await changes() == ["gone"]


async def test_change_of_an_earlier_transaction_is_listed(
    application: Application, make_video: MakeVideo, clock: FakeClock, user: User
) -> None:
    """Its time is before that of the answer, and it was committed afterwards."""
    as_of = (await application.videos.changes(user.id, clock.now())).as_of
    video = await make_video("ready", changed_at=clock.now() - OVERLAP)

    changes = await application.videos.changes(user.id, as_of)

    assert [changed.id for changed in changes.videos] == [video.id]


async def test_expired_upload_is_gone(
    application: Application, create: Create, clock: FakeClock, user: User
) -> None:
    video = (await create()).video
    clock.advance(application.settings.upload_grace)
    as_of = clock.now()
    await application.reconciler.reconcile_due()

    assert (await application.videos.changes(user.id, as_of)).gone == [video.id]


@pytest.mark.parametrize("status", set(VideoStatus) - HIDDEN)
async def test_deleted_video_is_listed_as_long_as_an_answer_may_be_old(
    application: Application, make_video: MakeVideo, clock: FakeClock, user: User, status: VideoStatus
) -> None:
    # The storage of a failed video is empty long before its owner deletes it.
    gone_at = clock.now() - timedelta(days=1) if status is VideoStatus.FAILED else None
    video = await make_video(status, in_store=False, storage_gone_at=gone_at, lease_until=None)
    as_of = clock.now()
    await application.videos.delete(user.id, video.id)
    for _ in range(int(MAX_AGE.total_seconds()) // 30):
        clock.advance(seconds=30)
        await application.reconciler.reconcile_due()

    changes = await application.videos.changes(user.id, as_of)

    assert (changes.gone, changes.is_complete) == ([video.id], True)
    for _ in range(2):
        clock.advance(RECHECK_AFTER)
        await application.reconciler.reconcile_due()
    assert await find_video(application, video.id) is None


@pytest.mark.parametrize("age", [MAX_AGE + timedelta(seconds=1), -OVERLAP - timedelta(seconds=1)])
async def test_other_times_need_a_new_list(
    application: Application, make_video: MakeVideo, clock: FakeClock, user: User, age: timedelta
) -> None:
    await make_video("ready", changed_at=clock.now())

    changes = await application.videos.changes(user.id, clock.now() - age)

    assert (changes.videos, changes.gone, changes.is_complete) == ([], [], False)
    assert changes.as_of == clock.now()


async def test_too_many_changes_need_a_new_list(
    application: Application, make_video: MakeVideo, clock: FakeClock, user: User
) -> None:
    for _ in range(MAX_CHANGES):
        await make_video("ready", in_store=False, changed_at=clock.now())
    assert len((await application.videos.changes(user.id, clock.now())).videos) == MAX_CHANGES

    await make_video("ready", in_store=False, changed_at=clock.now())

    assert not (await application.videos.changes(user.id, clock.now())).is_complete


async def test_tells_only_own_changes(
    application: Application, make_video: MakeVideo, make_user: MakeUser, clock: FakeClock
) -> None:
    for status in ("ready", "deleting"):
        await make_video(status, changed_at=clock.now())
    stranger = await make_user()

    changes = await application.videos.changes(stranger.id, clock.now())

    assert (changes.videos, changes.gone) == ([], [])
