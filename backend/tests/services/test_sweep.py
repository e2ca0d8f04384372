"""The sweep: what no row accounts for, what is ready and is not, and everything that keeps it from destroying."""

import asyncio
import os
import uuid
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.bootstrap import Application
from app.core import metrics
from app.core.config import Settings
from app.core.db import Database
from app.crud import installation, videos
from app.domain.errors import StorageUnavailable
from app.domain.sweep_report import Brake, Category, Finding, MarkerState, Outcome, SweepReport
from app.domain.video_status import VideoStatus
from app.models import Installation, User, Video
from app.services import asking, audit, reconciler, sweep, sweep_pass
from app.services.bucket_marker import MARKER_KEY
from app.services.sweep import AnotherSweepRunning, SweepOrder, SweepOvertaken
from tests.conftest import MakeVideo
from tests.databases import PostgresDatabases
from tests.factories import (
    SMALL_VIDEO,
    assert_quota_is_exact,
    make_application,
    read_video,
    reserved_bytes,
    run_due_probes,
)
from tests.fakes import START_OF_TIME, FakeClock, FakeProbe, InMemoryStorage, When
from tests.services.conftest import Create, Sent

GRACE = timedelta(hours=1)
INTERVAL = timedelta(minutes=5)
STALE_ROWS = int(os.environ.get("SLIPWAY_STALE_ROWS", "150"))
STRAY_UPLOADS = int(os.environ.get("SLIPWAY_STALE_ROWS", "1000"))
"""10,000 each for a campaign."""


def a_key() -> str:
    return f"videos/{uuid.uuid4()}/{uuid.uuid4()}/{uuid.uuid4()}.mp4"


async def run(application: Application, **order: bool) -> SweepReport:
    return await application.sweep.run(SweepOrder(**order))


def found(report: SweepReport, category: Category) -> Finding:
    return report.findings[category]


def video_objects(storage: InMemoryStorage) -> list[str]:
    return [key for key in storage.objects if key != MARKER_KEY]


def open_ids(storage: InMemoryStorage) -> list[str]:
    return [upload.upload_id for upload in storage.open_uploads]


async def set_installation(application: Application, **values: Any) -> None:
    async with application.database.transaction() as session:
        await session.execute(update(Installation).values(**values))


@pytest.fixture
async def adopted(application: Application) -> None:
    """The bucket has its marker, as after the first minute of an installation."""
    assert (await run(application)).marker is MarkerState.ADOPTED


# --- uploads nobody owns ----------------------------------------------------------------------------------------


async def test_an_upload_made_after_we_gave_up_is_aborted_after_the_grace(
    application: Application, create: Create, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """CreateMultipartUpload hung: the row went, the upload came."""
    storage.fail_next("create_multipart_upload", when="after")
    with pytest.raises(StorageUnavailable):
        await create()
    assert len(storage.open_uploads) == 1

    clock.advance(GRACE)
    assert found(await run(application), Category.UNOWNED_UPLOADS).count == 0
    clock.advance(seconds=1)
    report = await run(application)

    assert (found(report, Category.UNOWNED_UPLOADS).count, report.outcome) == (1, Outcome.DONE)
    assert found(report, Category.UNOWNED_UPLOADS).done == 1
    assert storage.open_uploads == []


@pytest.mark.usefixtures("adopted")
async def test_the_report_says_how_many_how_large_and_how_old(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    first, second = a_key(), a_key()
    storage.store_part(storage.open_upload(first), 1, b"12345")
    clock.advance(GRACE)
    storage.open_upload(second)
    clock.advance(GRACE + timedelta(minutes=1))

    unowned = found(await run(application, dry_run=True), Category.UNOWNED_UPLOADS)

    assert (unowned.count, unowned.bytes, unowned.oldest_seconds) == (2, 5, 2 * 3600 + 60)
    assert set(unowned.examples) == {first, second}


@pytest.mark.usefixtures("adopted")
@pytest.mark.parametrize("status", ["uploading", "completing", "expired", "deleting"])
async def test_an_upload_of_a_row_is_its_rows_business(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock, status: str
) -> None:
    await make_video(status)
    clock.advance(timedelta(days=30))

    report = await run(application)

    assert found(report, Category.UNOWNED_UPLOADS).count == 0
    assert len(storage.open_uploads) == 1


@pytest.mark.usefixtures("adopted")
async def test_an_upload_whose_id_has_not_reached_its_row_is_left_to_the_row(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("uploading", upload_id=None, in_store=False)
    storage.open_upload(video.object_key)
    clock.advance(timedelta(days=30))

    await run(application)

    assert len(storage.open_uploads) == 1


@pytest.mark.usefixtures("adopted")
async def test_a_second_upload_at_a_rows_key_is_aborted_by_its_id(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """Two equal creates at once, and the abort of the second one's upload was lost."""
    video = await make_video("uploading")
    storage.open_upload(video.object_key)
    clock.advance(GRACE + timedelta(seconds=1))

    await run(application)

    assert open_ids(storage) == [video.upload_id]


@pytest.mark.usefixtures("adopted")
async def test_an_upload_beside_an_object_that_nobody_knows_is_never_aborted(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """The object may be made of its parts still."""
    nobodys = a_key()
    storage.store_object(nobodys, SMALL_VIDEO)
    storage.open_upload(nobodys)
    clock.advance(timedelta(days=30))

    report = await run(application, force=True)

    assert len(storage.open_uploads) == 1
    assert found(report, Category.UPLOADS_BESIDE_OBJECT).count == 1


@pytest.mark.usefixtures("adopted")
async def test_an_upload_beside_a_video_that_another_upload_made_is_aborted(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """Create died before it could save the id, and its repeat made the video: nothing else would ever find it."""
    ready = await make_video("ready")
    storage.open_upload(ready.object_key)
    clock.advance(timedelta(days=30))

    await run(application)

    assert storage.open_uploads == []
    assert ready.object_key in storage.objects


@pytest.mark.usefixtures("adopted")
async def test_a_part_that_lands_after_the_abort_is_aborted_by_a_later_pass(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    key = a_key()
    upload_id = storage.open_upload(key)
    clock.advance(GRACE + timedelta(seconds=1))
    await run(application)
    storage.store_late_part(key, upload_id, 1, b"late")
    clock.advance(GRACE + timedelta(seconds=1))

    await run(application)

    assert storage.open_uploads == []


@pytest.mark.usefixtures("adopted")
async def test_a_late_part_of_a_cleared_failed_video_is_aborted(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("failed")
    await application.reconciler.reconcile_due()
    storage.store_late_part(video.object_key, video.upload_id or "", 1, b"late")
    clock.advance(GRACE + timedelta(seconds=1))

    await run(application)

    assert storage.open_uploads == []


@pytest.mark.usefixtures("adopted")
async def test_an_upload_that_ends_during_the_pass_is_no_error(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    key = a_key()
    upload_id = storage.open_upload(key)
    clock.advance(GRACE + timedelta(seconds=1))

    async def abort() -> None:
        await storage.abort_multipart_upload(key, upload_id)

    storage.hook_next("list_uploads", abort, when="after")

    assert found(await run(application), Category.UNOWNED_UPLOADS).count == 0


# --- objects ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("adopted")
async def test_an_object_without_a_row_is_reported_and_stays(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    await make_video("ready")
    key = a_key()
    storage.store_object(key, SMALL_VIDEO)
    clock.advance(GRACE + timedelta(minutes=1))

    report = await run(application, force=True)

    assert found(report, Category.UNKNOWN_OBJECTS) == Finding(1, len(SMALL_VIDEO), 3660, 0, (key,))
    assert key in storage.objects


@pytest.mark.usefixtures("adopted")
async def test_asked_for_objects_without_a_row_go_when_they_are_old_enough(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    ready = await make_video("ready")
    storage.store_object(a_key(), SMALL_VIDEO)
    clock.advance(GRACE + timedelta(seconds=1))
    young = a_key()
    storage.store_object(young, SMALL_VIDEO)

    report = await run(application, remove_objects=True)

    assert found(report, Category.UNKNOWN_OBJECTS).done == 1
    assert sorted(video_objects(storage)) == sorted([ready.object_key, young])


@pytest.mark.usefixtures("adopted")
async def test_an_object_that_came_back_to_a_cleared_failed_video_is_removed_again(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User
) -> None:
    video = await make_video("failed")
    await application.reconciler.reconcile_due()
    assert video_objects(storage) == []
    storage.store_object(video.object_key, SMALL_VIDEO)

    report = await run(application)
    await application.reconciler.reconcile_due()

    assert found(report, Category.FAILED_OBJECTS).done == 1
    assert video_objects(storage) == []
    assert (await read_video(application, video.id)).due_at is None, "not tended for ever"
    await assert_quota_is_exact(application, user)


@pytest.mark.usefixtures("adopted")
@pytest.mark.parametrize("storage_gone_at", [None, START_OF_TIME], ids=["by the audit", "by the worker"])
async def test_an_object_that_came_back_to_a_video_failed_for_its_loss_stays(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    storage_gone_at: datetime | None,
) -> None:
    """Somebody restored it: that is not ours to undo."""
    video = await make_video(
        "failed", status_code="object_missing", due_at=None, storage_gone_at=storage_gone_at
    )

    report = await run(application)
    await application.reconciler.reconcile_due()

    assert found(report, Category.RETURNED_OBJECTS).count == 1
    assert video_objects(storage) == [video.object_key]


# --- the audit --------------------------------------------------------------------------------------------------


async def test_a_ready_video_whose_object_is_gone_fails_at_the_second_look(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock, user: User
) -> None:
    video = await make_video("ready")
    await run(application)
    del storage.objects[video.object_key]
    clock.advance(audit.AUDIT_EVERY)
    storage.calls.clear()

    first = await run(application)
    assert (found(first, Category.MISSING_OBJECTS).count, found(first, Category.MISSING_OBJECTS).done) == (
        1,
        0,
    )
    clock.advance(INTERVAL - timedelta(seconds=1))
    await run(application)
    assert (await read_video(application, video.id)).status == "ready"

    clock.advance(seconds=1)
    second = await run(application)

    assert found(second, Category.MISSING_OBJECTS).done == 1
    row = await read_video(application, video.id)
    assert (row.status, row.status_code, row.due_at) == ("failed", "object_missing", None)
    assert storage.count("delete") == storage.count("abort_multipart_upload") == 0
    assert await reserved_bytes(application, user) == video.reserved_bytes
    await assert_quota_is_exact(application, user)


@pytest.mark.parametrize(
    "other",
    [
        {"data": SMALL_VIDEO + b"!"},
        {"data": SMALL_VIDEO.swapcase()},
        {"content_type": "text/html"},
        {"metadata": {}},
    ],
    ids=["size", "bytes", "type", "token"],
)
async def test_a_ready_video_whose_object_was_replaced_fails_and_the_other_object_stays(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
    other: dict[str, Any],
) -> None:
    video = await make_video("ready")
    await run(application)
    usual = {"data": SMALL_VIDEO, "metadata": storage.objects[video.object_key].metadata}
    storage.store_object(video.object_key, **{**usual, **other})

    clock.advance(audit.AUDIT_EVERY)
    assert found(await run(application), Category.REPLACED_OBJECTS).count == 1
    clock.advance(INTERVAL)
    await run(application)

    assert (await read_video(application, video.id)).status_code == "object_missing"
    assert video_objects(storage) == [video.object_key]


async def test_a_moments_doubt_is_forgotten(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """A store that lost sight of an object for a moment fails no video, not even at the second time."""
    video = await make_video("ready")
    await run(application)
    kept = storage.objects.pop(video.object_key)
    clock.advance(audit.AUDIT_EVERY)
    await run(application)
    storage.objects[video.object_key] = kept
    clock.advance(INTERVAL)
    await run(application)
    del storage.objects[video.object_key]
    clock.advance(audit.AUDIT_EVERY)

    await run(application)

    assert (await read_video(application, video.id)).status == "ready"


async def test_each_ready_video_is_asked_for_once_a_day(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    await make_video("ready")
    for _ in range(4):
        await run(application)
        clock.advance(audit.AUDIT_EVERY / 3)

    assert storage.count("head") == 2


async def test_the_audit_goes_through_all_videos_a_batch_a_pass(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "AUDIT_BATCH", 2)
    made = [await make_video("ready") for _ in range(5)]

    assert [(await run(application)).audited for _ in range(4)] == [2, 2, 1, 0]
    asked = [about for operation, about in storage.calls if operation == "head"]
    assert sorted(asked) == sorted(video.object_key for video in made)


async def plans_of(
    postgres: PostgresDatabases, query: Callable[[AsyncSession], Awaitable[object]], *without: str
) -> list[str]:
    """How PostgreSQL answers each statement of the query, after `without`: what a table of few rows would tempt it to.

    All ready rows of a house of millions take longer to read than a statement may.
    """
    database = Database(postgres.new())
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    async with database.reading() as session:
        event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        await query(session)
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
        connection = await session.connection()
        for each in ("SET LOCAL enable_seqscan = off", *without):
            await connection.exec_driver_sql(each)
        plans = [
            "\n".join((await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)).scalars())
            for statement, parameters in asked
        ]
    await database.close()
    assert plans
    return plans


async def test_the_audit_finds_what_is_due_without_sorting_all_of_it(
    postgres: PostgresDatabases, clock: FakeClock
) -> None:
    """In a house larger than a day's audit everything is due."""
    plans = await plans_of(
        postgres,
        lambda session: videos.list_to_audit(session, clock.now(), 500),
        "SET LOCAL enable_bitmapscan = off",
        "SET LOCAL enable_sort = off",
    )

    assert not [plan for plan in plans if "Sort" in plan or "Seq Scan" in plan]


async def test_what_the_audits_brake_counts_is_read_off_an_index(
    postgres: PostgresDatabases, clock: FakeClock
) -> None:
    plans = await plans_of(
        postgres,
        lambda session: videos.count_suspected(session, clock.now()),
        # Of no rows they cost the same.
        "DROP INDEX ix_videos_status_due_at, ix_videos_status_audit_due_at",
    )

    assert [plan for plan in plans if "ix_videos_missing_since" in plan] == plans


async def thirty_lost_videos(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> list[Video]:
    """Their audits are spread over the day, as their uploads were."""
    made = [await make_video("ready") for _ in range(30)]
    await run(application)
    async with application.database.transaction() as session:
        for number, video in enumerate(made):
            due_at = clock.now() + audit.AUDIT_EVERY * (number + 1) / len(made)
            await videos.postpone_audit(session, [video.id], due_at)
    for video in made:
        del storage.objects[video.object_key]
    return made


async def test_losses_add_up_also_when_their_owners_delete_them(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """The page tells them to: "Upload it again"."""
    await thirty_lost_videos(application, make_video, storage, clock)

    failed: set[uuid.UUID] = set()
    for _ in range(24 * 3):
        clock.advance(minutes=20)
        await run(application)
        await application.reconciler.reconcile_due()
        page = await application.videos.list_page(user.id, 100, None, VideoStatus.FAILED)
        for video in page.items:
            failed.add(video.id)
            await application.videos.delete(user.id, video.id)

    assert len(failed) <= 10


async def test_a_store_that_is_down_fails_no_video(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    await run(application)
    before = await read_video(application, video.id)
    clock.advance(audit.AUDIT_EVERY)
    storage.fail_next("server_time")

    with pytest.raises(StorageUnavailable):
        await run(application)

    assert await read_video(application, video.id) == before


async def test_a_video_deleted_between_look_and_verdict_stays_deleted(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock, user: User
) -> None:
    video = await make_video("ready")
    await run(application)
    del storage.objects[video.object_key]
    clock.advance(audit.AUDIT_EVERY)
    await run(application)
    clock.advance(INTERVAL)

    async def remove() -> None:
        await application.videos.delete(user.id, video.id)

    storage.hook_next("head", remove)
    await run(application)

    assert (await read_video(application, video.id)).status == "deleting"
    await assert_quota_is_exact(application, user)


# --- keys without an answer -------------------------------------------------------------------------------------


def refuse(
    monkeypatch: pytest.MonkeyPatch, storage: InMemoryStorage, operation: str, object_keys: Collection[str]
) -> None:
    """As a store whose key for these objects is disabled: 403 for ever."""
    real = getattr(storage, operation)

    async def refusing(object_key: str, *rest: Any, **named: Any) -> Any:
        if object_key in object_keys:
            raise StorageUnavailable
        return await real(object_key, *rest, **named)

    monkeypatch.setattr(storage, operation, refusing)


@pytest.mark.usefixtures("adopted")
@pytest.mark.parametrize("operation", ["list_parts", "head", "abort_multipart_upload"])
async def test_an_upload_that_gets_no_answer_does_not_keep_the_others(
    application: Application,
    storage: InMemoryStorage,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
) -> None:
    bad, good = sorted([a_key(), a_key()])
    storage.open_upload(bad)
    storage.open_upload(good)
    clock.advance(GRACE + timedelta(seconds=1))
    refuse(monkeypatch, storage, operation, {bad})

    report = await run(application)

    assert report.outcome is Outcome.DONE
    assert [upload.object_key for upload in storage.open_uploads] == [bad]
    assert (found(report, Category.UNANSWERED).count, found(report, Category.UNANSWERED).examples) == (
        1,
        (bad,),
    )


async def test_a_video_that_gets_no_answer_is_asked_for_a_day_later(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad = await make_video("ready")
    await run(application)
    clock.advance(audit.AUDIT_EVERY)
    refuse(monkeypatch, storage, "head", {bad.object_key})

    first, second = await run(application), await run(application)

    assert (first.outcome, first.audited, found(first, Category.UNANSWERED).count) == (Outcome.DONE, 0, 1)
    assert found(second, Category.UNANSWERED).count == 0
    assert (await read_video(application, bad.id)).status == "ready"


async def test_no_answer_does_not_clear_a_suspicion(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    await run(application)
    del storage.objects[video.object_key]
    clock.advance(audit.AUDIT_EVERY)
    await run(application)
    clock.advance(INTERVAL)
    storage.fail_next("head")
    await run(application)
    clock.advance(audit.AUDIT_EVERY)

    await run(application)

    assert (await read_video(application, video.id)).status == "failed"


async def test_too_many_keys_without_an_answer_end_the_pass_and_not_those_after_it(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad = [await make_video("ready") for _ in range(asking.MOST_UNANSWERED)]
    await run(application)
    storage.open_upload(a_key())
    clock.advance(audit.AUDIT_EVERY)
    refuse(monkeypatch, storage, "head", {video.object_key for video in bad})

    with pytest.raises(StorageUnavailable):
        await run(application)
    assert len(storage.open_uploads) == 1

    assert (await run(application)).outcome is Outcome.DONE
    assert storage.open_uploads == []


# --- the brake --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("adopted")
async def test_a_pass_that_would_do_too_much_does_nothing(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    for _ in range(11):
        storage.open_upload(a_key())
    clock.advance(GRACE + timedelta(seconds=1))

    report = await run(application)

    assert report.outcome is Outcome.BRAKED
    assert (len(storage.open_uploads), found(report, Category.UNOWNED_UPLOADS).done) == (11, 0)
    assert "--force" in report.as_text()


@pytest.mark.usefixtures("adopted")
async def test_ten_are_not_too_many_and_more_may_be_forced(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    for count, order in ((10, {}), (11, {"force": True})):
        for _ in range(count):
            storage.open_upload(a_key())
        clock.advance(GRACE + timedelta(seconds=1))

        report = await run(application, **order)

        assert (report.outcome, storage.open_uploads) == (Outcome.DONE, [])


@pytest.mark.usefixtures("adopted")
async def test_what_comes_between_counting_and_doing_does_not_lift_the_limit(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    for _ in range(10):
        storage.open_upload(a_key())
    clock.advance(GRACE + timedelta(seconds=1))

    async def counting() -> None:
        """Nothing comes yet."""

    async def five_more() -> None:
        for _ in range(5):
            storage._uploads[storage.open_upload(a_key())].initiated_at = START_OF_TIME

    storage.hook_next("list_uploads", counting)
    storage.hook_next("list_uploads", five_more)

    assert found(await run(application), Category.UNOWNED_UPLOADS).done == 10
    assert len(storage.open_uploads) == 5


@pytest.mark.usefixtures("adopted")
async def test_reported_objects_do_not_brake_but_their_removal_does(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    for _ in range(11):
        storage.store_object(a_key(), SMALL_VIDEO)
    clock.advance(GRACE + timedelta(seconds=1))

    assert (await run(application)).outcome is Outcome.DONE
    assert (await run(application, remove_objects=True)).outcome is Outcome.BRAKED
    assert len(video_objects(storage)) == 11
    assert (await run(application, remove_objects=True, force=True)).outcome is Outcome.DONE
    assert video_objects(storage) == []


async def test_a_bucket_that_lost_everything_fails_no_video(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    made = [await make_video("ready") for _ in range(11)]
    await run(application)
    for video in made:
        del storage.objects[video.object_key]
    clock.advance(audit.AUDIT_EVERY)

    for _ in range(3):
        assert (await run(application)).outcome is Outcome.BRAKED
        clock.advance(INTERVAL)

    assert {(await read_video(application, video.id)).status for video in made} == {"ready"}


async def test_losses_that_come_to_light_one_by_one_add_up(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """Videos are audited at the times of day they were uploaded at: a few a pass, never many at once."""
    made = await thirty_lost_videos(application, make_video, storage, clock)

    for _ in range(2 * 24 * 3):
        clock.advance(minutes=20)
        report = await run(application)

    assert report.braked == {Brake.AUDIT}
    statuses = [(await read_video(application, video.id)).status for video in made]
    assert statuses.count(VideoStatus.FAILED) <= 10


async def test_uploads_that_were_not_found_are_no_losses(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    lost = await make_video("ready")
    await run(application)
    del storage.objects[lost.object_key]
    for status in ("uploading", "completing", "processing"):
        for _ in range(5):
            await make_video(status, in_store=False, missing_since=clock.now() + audit.AUDIT_EVERY)
    clock.advance(audit.AUDIT_EVERY)

    await run(application)
    clock.advance(INTERVAL)
    report = await run(application)

    assert report.braked == frozenset()
    assert (await read_video(application, lost.id)).status == "failed"


async def test_lost_videos_do_not_keep_uploads_from_being_aborted(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    made = [await make_video("ready") for _ in range(11)]
    await run(application)
    for video in made:
        del storage.objects[video.object_key]
    storage.open_upload(a_key())
    clock.advance(audit.AUDIT_EVERY)

    report = await run(application)

    assert (report.outcome, report.braked) == (Outcome.BRAKED, frozenset({Brake.AUDIT}))
    assert storage.open_uploads == []
    assert "ready videos" in report.as_text()
    assert "uploads and objects would" not in report.as_text()


async def test_too_many_uploads_do_not_keep_a_lost_video_from_failing(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    await run(application)
    del storage.objects[video.object_key]
    for _ in range(11):
        storage.open_upload(a_key())
    clock.advance(audit.AUDIT_EVERY)
    await run(application)
    clock.advance(INTERVAL)

    report = await run(application)

    assert (report.outcome, report.braked) == (Outcome.BRAKED, frozenset({Brake.STRAYS}))
    assert (await read_video(application, video.id)).status == "failed"
    assert len(storage.open_uploads) == 11


async def test_one_forced_sweep_fails_no_video_and_a_second_fails_them_all(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """As docs/explanation/sweep.md promises."""
    made = [await make_video("ready") for _ in range(11)]
    await run(application)
    for video in made:
        del storage.objects[video.object_key]
    clock.advance(audit.AUDIT_EVERY)

    for order, then in (({"force": True}, "ready"), ({}, "ready"), ({"force": True}, "failed")):
        await run(application, **order)
        clock.advance(INTERVAL)
        assert {(await read_video(application, video.id)).status for video in made} == {then}


# --- whose bucket it is -----------------------------------------------------------------------------------------


async def strange_things(
    application: Application, storage: InMemoryStorage, make_video: MakeVideo, clock: FakeClock
) -> Video:
    """An upload and an object nobody knows, and a ready video whose object is gone; all old enough."""
    lost = await make_video("ready")
    await run(application, adopt=True)
    del storage.objects[lost.object_key]
    storage.open_upload(a_key())
    storage.store_object(a_key(), SMALL_VIDEO)
    clock.advance(audit.AUDIT_EVERY)
    return lost


async def rows(application: Application) -> list[Any]:
    async with application.database.reading() as session:
        kept: list[Any] = list(await session.scalars(select(Video).order_by(col(Video.id))))
        return [*kept, await installation.get(session)]


async def test_the_first_sweep_names_the_bucket_after_its_database(
    application: Application, storage: InMemoryStorage, make_video: MakeVideo
) -> None:
    await make_video("ready")
    await make_video("uploading")

    assert (await run(application)).marker is MarkerState.ADOPTED
    assert (await run(application)).marker is MarkerState.OURS
    assert MARKER_KEY in storage.objects


@pytest.mark.parametrize(
    "marker",
    [b'{"database_id": "6f1c2f0e-6a43-4d0e-9f0f-0c6a3d1d1f00"}', b"not ours", b"[]", b'{"database_id": 7}'],
)
async def test_a_bucket_of_another_database_is_left_alone(
    application: Application, storage: InMemoryStorage, make_video: MakeVideo, clock: FakeClock, marker: bytes
) -> None:
    lost = await strange_things(application, storage, make_video, clock)
    storage.store_object(MARKER_KEY, marker)
    before = await read_video(application, lost.id)

    for _ in range(3):
        report = await run(application, remove_objects=True, force=True)
        assert (report.outcome, report.marker) == (Outcome.REFUSED, MarkerState.FOREIGN)
        clock.advance(INTERVAL)

    assert await read_video(application, lost.id) == before
    assert (len(storage.open_uploads), len(video_objects(storage))) == (1, 1)
    assert storage.objects[MARKER_KEY].data == marker


async def test_a_database_made_anew_does_not_take_over_a_bucket(
    application: Application, storage: InMemoryStorage, make_video: MakeVideo, clock: FakeClock
) -> None:
    await strange_things(application, storage, make_video, clock)
    async with application.database.transaction() as session:
        await session.execute(delete(Installation))

    assert (await run(application)).outcome is Outcome.REFUSED
    assert (await run(application, adopt=True)).outcome is Outcome.DONE
    assert (await run(application)).marker is MarkerState.OURS


async def test_a_bucket_with_unknown_objects_is_not_adopted(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """A database restored empty, in front of a bucket of videos."""
    storage.store_object(a_key(), SMALL_VIDEO)
    storage.open_upload(a_key())
    clock.advance(GRACE + timedelta(seconds=1))

    report = await run(application, remove_objects=True)

    assert (report.outcome, report.marker) == (Outcome.REFUSED, MarkerState.ABSENT)
    assert MARKER_KEY not in storage.objects
    assert (len(storage.open_uploads), len(video_objects(storage))) == (1, 1)


async def test_a_bucket_that_lacks_ready_videos_is_not_adopted(
    application: Application, storage: InMemoryStorage, make_video: MakeVideo, clock: FakeClock
) -> None:
    """The name of another, empty bucket in the settings: nobody's videos fail for that."""
    video = await make_video("ready")
    await run(application)
    storage.objects.clear()

    for _ in range(3):
        report = await run(application)
        assert (report.outcome, report.marker) == (Outcome.REFUSED, MarkerState.ABSENT)
        clock.advance(audit.AUDIT_EVERY)

    assert (await read_video(application, video.id)).status == "ready"
    assert storage.objects == {}


async def test_an_empty_bucket_is_not_adopted_by_a_database_that_has_one(
    application: Application,
    settings: Settings,
    make_video: MakeVideo,
    clock: FakeClock,
    probe: FakeProbe,
) -> None:
    """Nothing is ready yet whose object could be missed."""
    await make_video("processing")
    await run(application)
    wrong = InMemoryStorage(clock)
    other = make_application(settings, clock, wrong, probe)
    try:
        report = await run(other)
    finally:
        await other.close()

    assert (report.outcome, report.marker) == (Outcome.REFUSED, MarkerState.ABSENT)
    assert wrong.objects == {}
    assert (await run(application)).marker is MarkerState.OURS


async def test_a_marker_whose_note_was_lost_is_noted_by_the_next_sweep(
    application: Application, storage: InMemoryStorage
) -> None:
    """The process died between the two."""
    await run(application)
    await set_installation(application, bucket_marked_at=None)
    await run(application)
    del storage.objects[MARKER_KEY]

    assert (await run(application)).outcome is Outcome.REFUSED


@pytest.mark.parametrize(("when", "adopt"), [("before", False), ("after", False), ("after", True)])
async def test_a_bucket_two_databases_adopt_at_once_belongs_to_one(
    application: Application, storage: InMemoryStorage, clock: FakeClock, when: When, adopt: bool
) -> None:
    storage.open_upload(a_key())
    clock.advance(GRACE + timedelta(seconds=1))

    async def the_other_writes() -> None:
        storage.store_object(MARKER_KEY, f'{{"database_id": "{uuid.uuid4()}"}}'.encode())

    storage.hook_next("put", the_other_writes, when=when)

    assert (await run(application, adopt=adopt)).outcome is Outcome.REFUSED
    assert len(storage.open_uploads) == 1


async def test_a_marker_that_is_not_there_once_written_stops_everything(
    application: Application, storage: InMemoryStorage
) -> None:
    async def lose_it() -> None:
        del storage.objects[MARKER_KEY]

    storage.hook_next("put", lose_it, when="after")

    with pytest.raises(StorageUnavailable):
        await run(application)


async def test_a_restored_database_does_not_destroy_what_was_finished_since(
    application: Application, sent: Sent, storage: InMemoryStorage, clock: FakeClock, user: User
) -> None:
    """The backup was taken in mid-upload; in the store the video is whole."""
    video = await sent()
    await application.uploads.complete(user.id, video.id, {})
    async with application.database.transaction() as session:
        await session.execute(
            update(Video).values(status="uploading", etag=None, uploaded_at=None, due_at=video.due_at)
        )
    clock.advance(timedelta(days=30))

    await application.reconciler.reconcile_due()
    await application.reconciler.reconcile_due()
    await run_due_probes(application)

    assert (await application.videos.get(user.id, video.id)).status == "ready"
    assert video_objects(storage) == [video.object_key]


# --- a dry run --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_adopted", [True, False])
async def test_a_dry_run_changes_nothing_at_all(
    application: Application,
    storage: InMemoryStorage,
    make_video: MakeVideo,
    clock: FakeClock,
    is_adopted: bool,
) -> None:
    await strange_things(application, storage, make_video, clock)
    await make_video("failed", storage_gone_at=clock.now(), due_at=None)
    if not is_adopted:
        del storage.objects[MARKER_KEY]
    storage.calls.clear()
    before = (await rows(application), dict(storage.objects), open_ids(storage))

    report = await run(application, dry_run=True, remove_objects=True, force=True, adopt=True)

    assert (await rows(application), dict(storage.objects), open_ids(storage)) == before
    assert {called for called, _ in storage.calls} == {
        *("server_time", "list_uploads", "list_objects", "list_parts", "head", "read_range")
    }
    counts = {category.value: finding.count for category, finding in report.findings.items() if finding.count}
    assert counts == {"unowned_uploads": 1, "unknown_objects": 1, "failed_objects": 1, "missing_objects": 1}
    assert sum(finding.done for finding in report.findings.values()) == 0


async def test_a_dry_run_before_the_first_sweep_makes_no_row(application: Application) -> None:
    assert (await run(application, dry_run=True)).outcome is Outcome.DONE

    assert await rows(application) == [None]


# --- one at a time ----------------------------------------------------------------------------------------------


async def test_of_two_sweeps_at_once_the_second_says_so(
    application: Application, storage: InMemoryStorage
) -> None:
    gate = storage.hold_next("list_uploads")
    first = asyncio.create_task(run(application))
    await gate.reached()

    with pytest.raises(AnotherSweepRunning):
        await run(application)
    assert (await run(application, dry_run=True)).dry_run, "who changes nothing may look"

    gate.release()
    assert (await first).outcome is Outcome.DONE
    assert (await run(application)).outcome is Outcome.DONE


async def test_an_operator_may_wait_for_their_turn(
    application: Application, storage: InMemoryStorage
) -> None:
    gate = storage.hold_next("list_uploads")
    first = asyncio.create_task(run(application))
    await gate.reached()
    second = asyncio.create_task(application.sweep.run(SweepOrder(), wait_seconds=60))
    gate.release()

    assert (await first).outcome is Outcome.DONE
    assert (await second).outcome is Outcome.DONE
    assert storage.count("list_uploads") == 2


async def test_an_operators_sweep_runs_also_after_a_clock_was_set_back(
    application: Application, clock: FakeClock
) -> None:
    await run(application)
    clock.advance(minutes=-30)

    assert (await run(application)).outcome is Outcome.DONE


async def test_many_processes_that_start_at_once_sweep_once(
    application: Application, settings: Settings, clock: FakeClock, storage: InMemoryStorage, probe: FakeProbe
) -> None:
    others = [make_application(settings, clock, storage, probe) for _ in range(3)]
    try:
        await asyncio.gather(*(each.sweep.run_when_due() for each in (application, *others)))
    finally:
        for other in others:
            await other.close()

    assert storage.count("list_uploads") == 1
    assert storage.count("put") == 1


async def test_the_lease_of_a_killed_sweep_ends(application: Application) -> None:
    assert await application.sweep._claim(uuid.uuid4(), None)
    with pytest.raises(AnotherSweepRunning):
        await run(application)

    async with application.database.reading() as session:
        row = await installation.get(session)
    assert row is not None
    assert row.sweep_lease_until is not None
    assert row.sweep_began_at is not None
    assert row.sweep_lease_until - row.sweep_began_at == sweep.SWEEP_LEASE
    await set_installation(application, sweep_lease_until=row.sweep_began_at)

    assert (await run(application)).outcome is Outcome.DONE


async def test_a_sweep_that_failed_leaves_the_way_free(
    application: Application, storage: InMemoryStorage
) -> None:
    storage.fail_next("list_objects")
    with pytest.raises(StorageUnavailable):
        await run(application)

    assert (await run(application)).outcome is Outcome.DONE


@pytest.mark.usefixtures("adopted")
async def test_a_sweep_that_lost_its_lease_changes_nothing_more(
    application: Application, storage: InMemoryStorage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_RENEW_AFTER_SECONDS", 0)
    for _ in range(3):
        storage.open_upload(a_key())
    clock.advance(GRACE + timedelta(seconds=1))

    async def overtake() -> None:
        await set_installation(application, sweep_owner=uuid.uuid4())

    for moment, left in (("abort_multipart_upload", 2), ("list_objects", 2)):
        storage.hook_next(moment, overtake)
        with pytest.raises(SweepOvertaken):
            await run(application)
        assert len(storage.open_uploads) == left
        await set_installation(application, sweep_lease_until=None)


@pytest.mark.parametrize("moment", ["head", "read_range"])
async def test_a_sweep_overtaken_while_it_looks_judges_no_video(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock, moment: str
) -> None:
    """However lately it renewed its lease, by a clock of its own that may have stood still."""
    lost, sound = [await make_video("ready") for _ in range(2)]
    await run(application)
    del storage.objects[lost.object_key]
    clock.advance(audit.AUDIT_EVERY)
    await run(application)
    clock.advance(audit.AUDIT_EVERY)
    before = await read_video(application, lost.id), await read_video(application, sound.id)

    async def overtake() -> None:
        await set_installation(application, sweep_owner=uuid.uuid4())

    storage.hook_next(moment, overtake)
    with pytest.raises(SweepOvertaken):
        await run(application)

    assert (await read_video(application, lost.id), await read_video(application, sound.id)) == before


async def test_a_sweep_overtaken_between_two_verdicts_gives_no_second(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = [await make_video("ready") for _ in range(2)]
    await run(application)
    for video in lost:
        del storage.objects[video.object_key]
    clock.advance(audit.AUDIT_EVERY)
    await run(application)
    clock.advance(INTERVAL)
    judge = audit.Audit.judge

    async def overtaken(*given: Any) -> bool:
        failed = await judge(*given)
        await set_installation(application, sweep_owner=uuid.uuid4())
        return failed

    monkeypatch.setattr(audit.Audit, "judge", overtaken)
    with pytest.raises(SweepOvertaken):
        await run(application)

    assert sorted([(await read_video(application, video.id)).status for video in lost]) == ["failed", "ready"]


@pytest.mark.usefixtures("adopted")
async def test_a_sweep_overtaken_at_its_end_does_not_say_that_it_is_done(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    storage.open_upload(a_key())
    clock.advance(GRACE + timedelta(seconds=1))
    before = await rows(application)

    async def overtake() -> None:
        await set_installation(application, sweep_owner=uuid.uuid4())

    storage.hook_next("abort_multipart_upload", overtake)
    with pytest.raises(SweepOvertaken):
        await run(application)

    assert (await rows(application))[-1].sweep_done_at == before[-1].sweep_done_at


async def test_the_lease_is_renewed_while_many_videos_are_asked_for(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_RENEW_AFTER_SECONDS", 0)
    for _ in range(40):
        await make_video("ready")

    async def overtake() -> None:
        await set_installation(application, sweep_owner=uuid.uuid4())

    storage.hook_next("head", overtake)
    with pytest.raises(SweepOvertaken):
        await run(application)

    assert storage.count("head") < 40


async def test_by_itself_it_runs_once_in_an_interval(
    application: Application, storage: InMemoryStorage
) -> None:
    await application.sweep.run_when_due()
    await application.sweep.run_when_due()
    assert storage.count("list_uploads") == 1

    async with application.database.reading() as session:
        row = await installation.get(session)
    assert row is not None
    assert row.sweep_began_at is not None
    assert row.sweep_ended_at is not None
    await set_installation(application, sweep_began_at=row.sweep_began_at - INTERVAL)
    await application.sweep.run_when_due()
    assert storage.count("list_uploads") == 1, "a pass that took an interval is not followed at once"

    await set_installation(application, sweep_ended_at=row.sweep_ended_at - INTERVAL)
    await application.sweep.run_when_due()
    assert storage.count("list_uploads") == 2


async def test_every_process_publishes_what_the_last_sweep_found(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    await application.sweep.run_when_due()
    done_at = metrics.SWEEP_LAST_SUCCESS._value.get()
    assert done_at > 0
    storage.store_object(a_key(), SMALL_VIDEO)
    for _ in range(11):
        storage.open_upload(a_key())
    clock.advance(GRACE * 2)
    await run(application)  # another process: the command, for one

    await application.sweep.run_when_due()

    assert metrics.SWEEP_FOUND.labels("unknown_objects")._value.get() == 1
    assert metrics.SWEEP_FOUND_BYTES.labels("unknown_objects")._value.get() == len(SMALL_VIDEO)
    assert metrics.SWEEP_OLDEST_SECONDS.labels("unknown_objects")._value.get() == 7200
    assert metrics.SWEEP_STOPPED.labels("braked")._value.get() == 1
    assert metrics.SWEEP_LAST_SUCCESS._value.get() == done_at, "a braked sweep is no success"


# --- clocks -----------------------------------------------------------------------------------------------------


class TestSkewedClock:
    """The app's clock is wrong by a quarter of an hour; the store's is right."""

    @pytest.fixture(params=[-16, 16])
    def skew(self, request: pytest.FixtureRequest) -> timedelta:
        return timedelta(minutes=request.param)

    @pytest.fixture
    def store_clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def clock(self, store_clock: FakeClock, skew: timedelta) -> FakeClock:
        return FakeClock(store_clock.now() + skew)

    @pytest.fixture
    def storage(self, store_clock: FakeClock) -> InMemoryStorage:
        return InMemoryStorage(store_clock)

    async def test_an_unowned_upload_lives_for_its_grace(
        self, application: Application, storage: InMemoryStorage, clock: FakeClock, store_clock: FakeClock
    ) -> None:
        storage.open_upload(a_key())
        for each in (clock, store_clock):
            each.advance(GRACE)
        await run(application)
        assert len(storage.open_uploads) == 1

        for each in (clock, store_clock):
            each.advance(seconds=1)
        await run(application)
        assert storage.open_uploads == []

    async def test_an_upload_that_moved_within_its_grace_does_not_expire(
        self,
        application: Application,
        create: Create,
        storage: InMemoryStorage,
        clock: FakeClock,
        store_clock: FakeClock,
    ) -> None:
        started = await create()
        for each in (clock, store_clock):
            each.advance(minutes=30)
        storage.store_part(started.video.upload_id or "", 1, SMALL_VIDEO)
        for each in (clock, store_clock):
            each.advance(GRACE - timedelta(seconds=1))
        await application.reconciler.reconcile_due()
        assert (await read_video(application, started.video.id)).status == "uploading"

        # All its parts are there: at the second look.
        for wait in (timedelta(seconds=1), INTERVAL):
            for each in (clock, store_clock):
                each.advance(wait)
            await application.reconciler.reconcile_due()
        assert (await read_video(application, started.video.id)).status == "expired"

    async def test_the_two_looks_of_the_audit_are_apart_by_the_stores_clock(
        self,
        application: Application,
        make_video: MakeVideo,
        storage: InMemoryStorage,
        clock: FakeClock,
        store_clock: FakeClock,
    ) -> None:
        video = await make_video("ready")
        await run(application)
        del storage.objects[video.object_key]
        clock.advance(audit.AUDIT_EVERY)
        await run(application)
        for _ in range(4):
            clock.advance(INTERVAL)
            store_clock.advance(minutes=1)
            await run(application)
        assert (await read_video(application, video.id)).status == "ready"

        clock.advance(INTERVAL)
        store_clock.advance(minutes=1)
        await run(application)
        assert (await read_video(application, video.id)).status == "failed"


# --- many -------------------------------------------------------------------------------------------------------


async def insert_stale(
    application: Application, storage: InMemoryStorage, user: User, pattern: Video, count: int
) -> None:
    """Rows like the pattern, in one transaction, each with an upload in the store."""
    columns = pattern.model_dump()
    async with application.database.transaction() as session:
        for _ in range(count):
            video_id, key = uuid.uuid4(), a_key()
            upload_id = storage.open_upload(key)
            session.add(Video(**{**columns, "id": video_id, "object_key": key, "upload_id": upload_id}))
        await session.execute(
            update(User)
            .where(col(User.id) == user.id)
            .values(reserved_bytes=col(User.reserved_bytes) + count * pattern.reserved_bytes)
        )


async def test_a_great_many_stale_rows_are_swept_a_few_at_a_time(
    application: Application, storage: InMemoryStorage, make_video: MakeVideo, clock: FakeClock, user: User
) -> None:
    await insert_stale(application, storage, user, await make_video("uploading"), STALE_ROWS - 1)
    clock.advance(GRACE)
    most_in_hand = 0
    delete = storage.delete

    async def watched(object_key: str) -> None:
        nonlocal most_in_hand
        most_in_hand = max(most_in_hand, len(application.reconciler._in_hand))
        await delete(object_key)

    storage.delete = watched  # type: ignore[method-assign]  # it does the same
    await application.reconciler.reconcile(await application.reconciler.count_due())
    clock.advance(seconds=5)  # what a busy database put off
    await application.reconciler.reconcile(await application.reconciler.count_due())
    assert storage.open_uploads == []
    assert await reserved_bytes(application, user) == 0
    clock.advance(INTERVAL)
    await application.reconciler.reconcile(await application.reconciler.count_due())

    async with application.database.reading() as session:
        assert list(await session.scalars(select(Video.id).limit(1))) == []
    assert most_in_hand <= reconciler._BATCH


@pytest.mark.usefixtures("adopted")
async def test_a_great_many_uploads_are_compared_a_batch_at_a_time(
    application: Application,
    storage: InMemoryStorage,
    make_video: MakeVideo,
    clock: FakeClock,
    user: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await insert_stale(application, storage, user, await make_video("uploading"), STRAY_UPLOADS - 1)
    for _ in range(STRAY_UPLOADS):
        storage.open_upload(a_key())
    clock.advance(GRACE + timedelta(seconds=1))
    asked: list[int] = []
    look_up = videos.list_by_object_keys

    async def watched(session: Any, object_keys: Collection[str]) -> list[Video]:
        asked.append(len(object_keys))
        return await look_up(session, object_keys)

    monkeypatch.setattr(videos, "list_by_object_keys", watched)
    report = await run(application, force=True)

    assert (report.uploads, found(report, Category.UNOWNED_UPLOADS).done) == (
        2 * STRAY_UPLOADS,
        STRAY_UPLOADS,
    )
    assert len(storage.open_uploads) == STRAY_UPLOADS
    assert max(asked) <= sweep_pass.BATCH
    assert len(found(report, Category.UNOWNED_UPLOADS).examples) == 10


# --- upkeep, several rows at once -------------------------------------------------------------------------------


async def until_gone(storage: InMemoryStorage, object_key: str) -> None:
    async with asyncio.timeout(30):
        while True:
            if object_key not in {upload.object_key for upload in storage.open_uploads}:
                return
            await asyncio.sleep(0.01)


async def test_a_long_assembly_does_not_hold_up_deletions(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    past = clock.now() - timedelta(minutes=1)
    slow = [await make_video("completing", due_at=past, lease_until=past) for _ in range(reconciler._AT_ONCE)]
    doomed = await make_video("deleting")
    gates = [storage.hold_next("complete_multipart_upload") for _ in slow]

    await application.reconciler.start_due()
    for gate in gates:
        await gate.reached()
    await until_gone(storage, doomed.object_key)
    also_doomed = await make_video("deleting")
    await application.reconciler.start_due()
    await until_gone(storage, also_doomed.object_key)

    for gate in gates:
        gate.release()
    await application.tasks.drain(30)
    assert {(await read_video(application, video.id)).status for video in slow} == {"processing"}


async def test_a_row_in_hand_is_not_taken_again(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    await make_video("deleting")
    gate = storage.hold_next("delete")
    await application.reconciler.start_due()
    await gate.reached()

    assert await application.reconciler.start_due() == []

    gate.release()
    await application.tasks.drain(30)
    assert storage.count("delete") == 1


async def test_only_a_few_rows_are_tended_at_once(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    for _ in range(12):
        await make_video("deleting")
    gates = [storage.hold_next("delete") for _ in range(12)]
    await application.reconciler.start_due()
    await gates[7].reached()
    for _ in range(100):
        await asyncio.sleep(0)
    assert storage.count("delete") == 8

    for gate in gates:
        gate.release()
    await application.tasks.drain(30)
    assert storage.count("delete") == 12
