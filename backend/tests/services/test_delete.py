"""Hide a deleted video at once, and remove it until the store has confirmed that twice."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from app.bootstrap import Application
from app.crud import videos
from app.domain.announced_object import TOKEN_METADATA
from app.domain.errors import StorageUnavailable, VideoNotFound
from app.domain.video_list import VideoQuery
from app.domain.video_status import HIDDEN, VideoStatus
from app.models import User, Video
from app.services import videos as video_service
from tests.conftest import MakeUser, MakeVideo
from tests.factories import SMALL_VIDEO, assert_quota_is_exact, find_video, read_video, reserved_bytes
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.conftest import Create
from tests.waiting import TIMEOUT_SECONDS

SETTLED = timedelta(minutes=5)
"""Time between the two confirmations."""
VISIBLE = [status for status in VideoStatus if status not in HIDDEN]


async def assert_nothing_stored(application: Application, storage: InMemoryStorage, user: User) -> None:
    assert storage.objects == {}
    assert storage.open_uploads == []
    assert await reserved_bytes(application, user) == 0
    await assert_quota_is_exact(application, user)


@pytest.mark.parametrize("status", VISIBLE)
async def test_hides_video_at_once_and_deletes_row_later(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    user: User,
    clock: FakeClock,
    status: str,
) -> None:
    video = await make_video(status, **({"lease_until": clock.now()} if status == "completing" else {}))

    await application.videos.delete(user.id, video.id)

    with pytest.raises(VideoNotFound):
        await application.videos.get(user.id, video.id)
    assert (await application.videos.list_page(user.id, VideoQuery(), 20)).items == []
    await assert_nothing_stored(application, storage, user)
    assert (await read_video(application, video.id)).status == "deleting"
    clock.advance(SETTLED)
    await application.reconciler.reconcile_due()
    assert await find_video(application, video.id) is None
    await assert_nothing_stored(application, storage, user)


@pytest.mark.parametrize("status", HIDDEN)
async def test_refuses_to_delete_removed_video(
    application: Application, make_video: MakeVideo, user: User, status: str
) -> None:
    with pytest.raises(VideoNotFound):
        await application.videos.delete(user.id, (await make_video(status)).id)


async def test_refuses_to_delete_another_users_video(
    application: Application, make_video: MakeVideo, make_user: MakeUser, storage: InMemoryStorage
) -> None:
    video = await make_video("ready")

    with pytest.raises(VideoNotFound):
        await application.videos.delete((await make_user()).id, video.id)

    assert (await read_video(application, video.id)).status == "ready"
    assert list(storage.objects) == [video.object_key]


async def test_second_delete_finds_nothing(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    video = await make_video("ready")
    await application.videos.delete(user.id, video.id)

    with pytest.raises(VideoNotFound):
        await application.videos.delete(user.id, video.id)


async def test_only_one_concurrent_delete_succeeds(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User
) -> None:
    video = await make_video("ready")

    outcomes = await asyncio.gather(
        *(application.videos.delete(user.id, video.id) for _ in range(5)), return_exceptions=True
    )

    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, VideoNotFound) for outcome in outcomes) == 4
    await application.tasks.drain(TIMEOUT_SECONDS)
    await assert_nothing_stored(application, storage, user)


async def test_store_refuses_parts_after_delete(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    started = await create()
    assert started.parts is not None

    await application.videos.delete(user.id, started.video.id)

    assert storage.put_part(started.parts[0].url, SMALL_VIDEO) == 404


async def test_idempotency_key_is_free_after_the_row(
    application: Application, create: Create, user: User, clock: FakeClock
) -> None:
    key = uuid.uuid4()
    first = await create(key=key)
    await application.videos.delete(user.id, first.video.id)
    clock.advance(SETTLED)
    await application.reconciler.reconcile_due()

    assert (await create(key=key)).is_new


# --- when the store fails ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["abort_multipart_upload", "list_uploads", "delete", "head"])
async def test_reconciler_finishes_failed_removal(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    user: User,
    clock: FakeClock,
    operation: str,
) -> None:
    video = await make_video("ready")
    storage.fail_next(operation)

    await application.videos.delete(user.id, video.id)

    assert (await read_video(application, video.id)).status == "deleting"
    assert await reserved_bytes(application, user) == video.size_bytes, "not given back before it is free"
    await application.reconciler.reconcile_due()
    await assert_nothing_stored(application, storage, user)
    clock.advance(SETTLED)
    await application.reconciler.reconcile_due()
    assert await find_video(application, video.id) is None


async def test_reconciler_retries_removal_while_store_is_down(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await make_video("ready")
    storage.fail_next("delete", times=3)
    await application.videos.delete(user.id, video.id)
    for _ in range(2):
        await application.reconciler.reconcile_due()
        assert await application.reconciler.reconcile_due() == 0, "the retry is not due yet"
        clock.advance(seconds=5)

    await application.reconciler.reconcile_due()

    await assert_nothing_stored(application, storage, user)


async def test_hanging_store_does_not_delay_the_user(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    user: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(video_service, "DELETE_WAIT_SECONDS", 0.0)
    video = await make_video("ready")
    gate = storage.hold_next("delete")

    await application.videos.delete(user.id, video.id)

    with pytest.raises(VideoNotFound):
        await application.videos.get(user.id, video.id)
    await gate.reached()
    gate.release()
    await application.tasks.drain(TIMEOUT_SECONDS)
    await assert_nothing_stored(application, storage, user)


async def test_deletes_object_again_if_it_remains(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await make_video("ready")

    async def come_back() -> None:
        storage.store_object(video.object_key, SMALL_VIDEO)

    storage.hook_next("delete", come_back, when="after")
    await application.videos.delete(user.id, video.id)
    assert await reserved_bytes(application, user) == video.size_bytes

    clock.advance(seconds=2)
    await application.reconciler.reconcile_due()

    await assert_nothing_stored(application, storage, user)


async def test_second_pass_removes_late_part(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """AWS may store parts that are in flight during an abort, so the abort must be repeated."""
    video = await make_video("uploading")
    await application.videos.delete(user.id, video.id)
    storage.store_late_part(video.object_key, video.upload_id or "", 1, SMALL_VIDEO)

    clock.advance(SETTLED)
    await application.reconciler.reconcile_due()

    await assert_nothing_stored(application, storage, user)
    assert await find_video(application, video.id) is None


async def test_removes_upload_unknown_to_the_row(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User
) -> None:
    video = await make_video("uploading", upload_id=None, in_store=False)
    storage.open_upload(video.object_key)

    await application.videos.delete(user.id, video.id)

    await assert_nothing_stored(application, storage, user)


async def test_keeps_other_videos(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User
) -> None:
    kept = await make_video("ready")
    sending = await make_video("uploading")
    await application.videos.delete(user.id, (await make_video("ready")).id)

    assert list(storage.objects) == [kept.object_key]
    assert [upload.object_key for upload in storage.open_uploads] == [sending.object_key]
    assert await reserved_bytes(application, user) == kept.size_bytes + sending.size_bytes


# --- the quota --------------------------------------------------------------------------------------------------


async def test_releases_quota_once(
    application: Application, make_video: MakeVideo, user: User, clock: FakeClock
) -> None:
    other = await make_video("ready")
    video = await make_video("deleting")

    await asyncio.gather(*(application.removal.step(video.id) for _ in range(5)))
    await application.removal.step(video.id)

    assert await reserved_bytes(application, user) == other.size_bytes
    clock.advance(SETTLED)
    await asyncio.gather(*(application.removal.step(video.id) for _ in range(5)))
    assert await reserved_bytes(application, user) == other.size_bytes
    assert await find_video(application, video.id) is None


async def test_row_waits_for_second_confirmation(
    application: Application, make_video: MakeVideo, clock: FakeClock
) -> None:
    video = await make_video("deleting")
    await application.removal.step(video.id)
    clock.advance(SETTLED - timedelta(seconds=1))

    await application.removal.step(video.id)
    assert await find_video(application, video.id) is not None
    clock.advance(seconds=1)
    await application.reconciler.reconcile_due()

    assert await find_video(application, video.id) is None


# --- work in progress -------------------------------------------------------------------------------------------


async def test_waits_for_lease_of_dead_completion(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await make_video("completing")
    await application.videos.delete(user.id, video.id)
    assert storage.calls == []
    assert (await read_video(application, video.id)).due_at == video.lease_until

    # What it had begun before it died may still come to be.
    storage.store_object(video.object_key, SMALL_VIDEO, {TOKEN_METADATA: video.object_token})
    clock.advance(seconds=30)
    await application.reconciler.reconcile_due()

    await assert_nothing_stored(application, storage, user)


async def test_does_not_wait_for_probe(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """A probe only reads, so the object is deleted at once."""
    video = await make_video(
        "processing", lease_owner=uuid.uuid4(), lease_until=clock.now() + timedelta(seconds=60)
    )

    await application.videos.delete(user.id, video.id)

    await assert_nothing_stored(application, storage, user)


# --- failed videos ----------------------------------------------------------------------------------------------


async def failed_and_cleared(application: Application, make_video: MakeVideo) -> Video:
    video = await make_video("failed")
    await application.reconciler.reconcile_due()
    return video


async def test_removes_object_of_failed_video_and_keeps_row(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await failed_and_cleared(application, make_video)

    await assert_nothing_stored(application, storage, user)
    clock.advance(days(30))
    assert await application.reconciler.reconcile_due() == 0
    seen = await application.videos.get(user.id, video.id)
    assert (seen.status, seen.status_code) == ("failed", "no_video_track")


async def test_keeps_reservation_while_store_is_down(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    storage.fail_next("delete", StorageUnavailable())
    video = await failed_and_cleared(application, make_video)
    assert await reserved_bytes(application, user) == video.size_bytes

    clock.advance(seconds=5)
    await application.reconciler.reconcile_due()

    await assert_nothing_stored(application, storage, user)


async def test_deletes_failed_video_without_object(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await failed_and_cleared(application, make_video)

    await application.videos.delete(user.id, video.id)

    await assert_nothing_stored(application, storage, user)
    clock.advance(SETTLED)
    await application.reconciler.reconcile_due()
    assert await find_video(application, video.id) is None


async def test_delete_during_removal_is_not_lost(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """The removal of a failed video must not end the removal of a deleted one."""
    video = await make_video("failed")

    async def delete() -> None:
        storage.fail_next("abort_multipart_upload")
        await application.videos.delete(user.id, video.id)

    storage.hook_next("delete", delete)
    await application.reconciler.reconcile_due()
    assert (await read_video(application, video.id)).due_at is not None

    for _ in range(2):
        await application.reconciler.reconcile_due()
        clock.advance(SETTLED)
    await application.reconciler.reconcile_due()

    assert await find_video(application, video.id) is None
    await assert_nothing_stored(application, storage, user)


async def test_finishes_failed_video_after_lost_commit(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """The reconciler does not know that it had finished, so it checks once more."""
    video = await failed_and_cleared(application, make_video)
    async with application.database.transaction() as session:
        await videos.set_due(session, video.id, clock.now())

    assert await application.reconciler.reconcile_due() == 1

    assert await application.reconciler.reconcile_due() == 0
    await assert_nothing_stored(application, storage, user)


def days(count: int) -> timedelta:
    return timedelta(days=count)
