"""`slipway sweep --fail-missing` sets ready videos to failed, and only those whose object stays missing or replaced."""

import asyncio
from datetime import timedelta

import pytest

from app.bootstrap import Application
from app.domain.errors import StorageUnavailable
from app.domain.recheck import RECHECK_AFTER
from app.domain.sweep_report import Category, MarkerState, Outcome
from app.models import User
from app.services.sweep.bucket import MARKER_KEY, WrongBucket
from app.services.sweep.lease import AnotherSweepRunning, SweepOvertaken
from tests.conftest import MakeVideo
from tests.factories import SMALL_VIDEO, assert_quota_is_exact, read_video, reserved_bytes
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.sweep.conftest import found, lose, rows, run, set_installation, video_objects


async def test_fails_missing_and_replaced_and_keeps_bytes_and_reservation(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock, user: User
) -> None:
    missing, replaced, sound = [await make_video("ready") for _ in range(3)]
    await run(application)
    storage.store_object(replaced.object_key, SMALL_VIDEO)
    await lose(application, storage, clock, missing)
    storage.calls.clear()

    report, video_ids = await application.fail_missing.plan()
    assert video_ids == {missing.id, replaced.id}
    assert report.dry_run
    assert (await read_video(application, missing.id)).status == "ready"
    report = await application.fail_missing.run(video_ids)

    assert (report.outcome, report.marker, report.audited) == (Outcome.DONE, MarkerState.OURS, 2)
    assert (found(report, Category.MISSING_OBJECTS).done, found(report, Category.REPLACED_OBJECTS).done) == (
        1,
        1,
    )
    for video in (missing, replaced):
        row = await read_video(application, video.id)
        assert (row.status, row.status_code, row.due_at) == ("failed", "object_missing", None)
    assert (await read_video(application, sound.id)).status == "ready"
    assert sorted(video_objects(storage)) == sorted([replaced.object_key, sound.object_key])
    assert storage.count("delete") == storage.count("abort_multipart_upload") == 0
    assert await reserved_bytes(application, user) == 3 * len(SMALL_VIDEO)
    await assert_quota_is_exact(application, user)
    assert found(await run(application), Category.MISSING_OBJECTS).count == 0


async def test_plan_changes_nothing(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    gone, back = [await make_video("ready") for _ in range(2)]
    stored = storage.objects[back.object_key]
    await lose(application, storage, clock, gone, back)
    storage.objects[back.object_key] = stored
    before = (await rows(application), dict(storage.objects))

    assert (await application.fail_missing.plan())[1] == {gone.id}

    assert (await rows(application), dict(storage.objects)) == before


async def test_one_check_fails_nothing(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    await lose(application, storage, clock, video, checks=1)
    clock.advance(timedelta(seconds=-1))

    report, video_ids = await application.fail_missing.plan()
    assert (video_ids, report.unconfirmed, found(report, Category.MISSING_OBJECTS).count) == (
        frozenset(),
        1,
        1,
    )
    assert "rechecked: 1" in report.as_text()
    report = await application.fail_missing.run(frozenset({video.id}))
    assert found(report, Category.MISSING_OBJECTS).done == 0
    assert (await read_video(application, video.id)).status == "ready"

    clock.advance(seconds=1)
    report, video_ids = await application.fail_missing.plan()
    assert video_ids == {video.id}
    assert report.unconfirmed == 0


async def test_ignores_loss_that_no_sweep_found(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    video = await make_video("ready")
    await run(application)
    del storage.objects[video.object_key]

    assert (await application.fail_missing.plan())[1] == frozenset()


async def test_skips_and_forgets_object_that_is_back(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    gone, back = [await make_video("ready") for _ in range(2)]
    stored = storage.objects[back.object_key]
    await lose(application, storage, clock, gone, back)
    _, video_ids = await application.fail_missing.plan()
    assert video_ids == {gone.id, back.id}
    storage.objects[back.object_key] = stored

    report = await application.fail_missing.run(video_ids)

    assert found(report, Category.MISSING_OBJECTS).done == 1
    assert (await read_video(application, gone.id)).status == "failed"
    row = await read_video(application, back.id)
    assert (row.status, row.missing_since) == ("ready", None)


async def test_skips_object_that_returned_in_between(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """The object returned and vanished again. The new loss needs two checks of its own."""
    video = await make_video("ready")
    stored = storage.objects[video.object_key]
    await lose(application, storage, clock, video)
    _, video_ids = await application.fail_missing.plan()
    storage.objects[video.object_key] = stored
    await lose(application, storage, clock, video, checks=1)
    clock.advance(-RECHECK_AFTER)

    await application.fail_missing.run(video_ids)

    assert (await read_video(application, video.id)).status == "ready"


async def test_skips_unanswered_keys(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    await lose(application, storage, clock, video)
    _, video_ids = await application.fail_missing.plan()
    storage.fail_next("head")

    report = await application.fail_missing.run(video_ids)

    assert found(report, Category.UNANSWERED).examples == [video.object_key]
    row = await read_video(application, video.id)
    assert row.status == "ready"
    assert row.missing_since is not None


async def test_skips_video_deleted_meanwhile(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock, user: User
) -> None:
    video = await make_video("ready")
    await lose(application, storage, clock, video)
    _, video_ids = await application.fail_missing.plan()

    async def remove() -> None:
        await application.videos.delete(user.id, video.id)

    storage.hook_next("head", remove)
    report = await application.fail_missing.run(video_ids)

    assert found(report, Category.MISSING_OBJECTS).done == 0
    assert (await read_video(application, video.id)).status == "deleting"
    await assert_quota_is_exact(application, user)


async def test_refuses_wrong_bucket(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    await lose(application, storage, clock, video)
    _, video_ids = await application.fail_missing.plan()
    storage.store_object(MARKER_KEY, b'{"database_id": "another"}')

    with pytest.raises(WrongBucket):
        await application.fail_missing.plan()
    with pytest.raises(WrongBucket):
        await application.fail_missing.run(video_ids)

    assert (await read_video(application, video.id)).status == "ready"


async def test_unavailable_store_fails_nothing(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    made = [await make_video("ready") for _ in range(10)]
    await lose(application, storage, clock, *made)
    _, video_ids = await application.fail_missing.plan()
    storage.fail_next("head", times=10)

    with pytest.raises(StorageUnavailable):
        await application.fail_missing.run(video_ids)

    assert {(await read_video(application, video.id)).status for video in made} == {"ready"}
    assert len((await application.fail_missing.plan())[1]) == 10, "and the lease is free"


async def test_waits_for_the_lease(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    await lose(application, storage, clock, video)
    _, video_ids = await application.fail_missing.plan()
    gate = storage.hold_next("list_uploads")
    sweep = asyncio.create_task(run(application))
    await gate.reached()

    with pytest.raises(AnotherSweepRunning):
        await application.fail_missing.run(video_ids)
    waiting = asyncio.create_task(application.fail_missing.run(video_ids, wait_seconds=60))
    gate.release()
    await sweep

    assert found(await waiting, Category.MISSING_OBJECTS).done == 1


async def test_stops_when_overtaken(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    await lose(application, storage, clock, video)
    _, video_ids = await application.fail_missing.plan()

    async def overtake() -> None:
        await set_installation(application, sweep_owner=video.id)

    storage.hook_next("head", overtake)
    with pytest.raises(SweepOvertaken):
        await application.fail_missing.run(video_ids)

    assert (await read_video(application, video.id)).status == "ready"


async def test_reads_rows_in_pages(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.crud.audit.ROWS_PER_PAGE", 3)
    made = [await make_video("ready") for _ in range(7)]
    await make_video("uploading")
    await lose(application, storage, clock, *made[:5])

    _, video_ids = await application.fail_missing.plan()
    report = await application.fail_missing.run(video_ids)

    assert video_ids == {video.id for video in made[:5]}
    assert found(report, Category.MISSING_OBJECTS).done == 5


async def test_keeps_the_last_sweeps_report(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    await lose(application, storage, clock, video)
    before = (await rows(application))[-1]
    _, video_ids = await application.fail_missing.plan()

    await application.fail_missing.run(video_ids)

    after = (await rows(application))[-1]
    assert (after.sweep_report, after.sweep_done_at) == (before.sweep_report, before.sweep_done_at)
    assert (after.sweep_owner, after.sweep_lease_until) == (None, None)
