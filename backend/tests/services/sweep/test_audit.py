"""The audit reports ready videos whose object is missing or replaced, and never changes their state."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from app.bootstrap import Application
from app.core.db import Database
from app.crud import audit as audit_queries
from app.domain.errors import StorageUnavailable
from app.domain.recheck import RECHECK_AFTER
from app.domain.sweep_report import Category, Outcome, SweepReport
from app.models import Video
from app.services.sweep import audit
from app.services.sweep.audit import AUDIT_EVERY
from tests.conftest import MakeVideo
from tests.databases import PostgresDatabases
from tests.factories import SMALL_VIDEO, read_video
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.sweep.conftest import INTERVAL, a_key, found, lose, published, run, set_installation

OTHER_OBJECTS = pytest.mark.parametrize(
    "other",
    [
        {"data": SMALL_VIDEO + b"!"},
        {"data": SMALL_VIDEO.swapcase()},
        {"content_type": "text/html"},
        {"metadata": {}},
    ],
    ids=["size", "bytes", "type", "token"],
)


def replace(storage: InMemoryStorage, video: Video, **other: Any) -> None:
    usual = {"data": SMALL_VIDEO, "metadata": storage.objects[video.object_key].metadata}
    storage.store_object(video.object_key, **{**usual, **other})


def lost(report: SweepReport, category: Category = Category.MISSING_OBJECTS) -> tuple[int, int, int]:
    """How many, how many of them unconfirmed, and how many set to failed."""
    return found(report, category).count, report.unconfirmed, found(report, category).done


async def test_reports_missing_object_at_every_sweep_and_changes_nothing(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    await run(application)
    del storage.objects[video.object_key]
    clock.advance(AUDIT_EVERY)
    first_check = clock.now()

    assert lost(await run(application)) == (1, 1, 0)
    clock.advance(RECHECK_AFTER - timedelta(seconds=1))
    assert lost(await run(application)) == (1, 1, 0)
    clock.advance(seconds=1)
    assert lost(await run(application)) == (1, 0, 0)
    for _ in range(3):
        clock.advance(AUDIT_EVERY)
        report = await run(application, force=True)
        assert lost(report) == (1, 0, 0)

    age = clock.now() - first_check
    assert found(report, Category.MISSING_OBJECTS).oldest_seconds == age.total_seconds()
    assert found(report, Category.MISSING_OBJECTS).bytes == video.size_bytes
    row = await read_video(application, video.id)
    assert (row.status, row.status_code, row.missing_since) == ("ready", None, first_check)
    assert storage.count("delete") == storage.count("abort_multipart_upload") == 0


@OTHER_OBJECTS
async def test_reports_replaced_object(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
    other: dict[str, Any],
) -> None:
    video = await make_video("ready")
    await run(application)
    replace(storage, video, **other)

    clock.advance(AUDIT_EVERY)
    assert lost(await run(application), Category.REPLACED_OBJECTS) == (1, 1, 0)
    clock.advance(RECHECK_AFTER)
    assert lost(await run(application), Category.REPLACED_OBJECTS) == (1, 0, 0)

    assert (await read_video(application, video.id)).status == "ready"


async def test_copied_bucket_changes_no_video(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """A tool that copies objects in other parts changes their ETags."""
    made = [await make_video("ready") for _ in range(30)]
    await application.sweep.run_when_due()
    for video in made:
        replace(storage, video, data=SMALL_VIDEO.swapcase())

    for _ in range(5):
        clock.advance(AUDIT_EVERY)
        # PostgreSQL's own clock decides when the automatic sweep is due.
        await set_installation(application, sweep_began_at=None, sweep_ended_at=None)
        await application.sweep.run_when_due()

    assert {(await read_video(application, video.id)).status for video in made} == {"ready"}
    assert published("found", category="replaced_objects") == 30
    assert published("found_bytes", category="replaced_objects") == 30 * len(SMALL_VIDEO)
    since_first_check = 4 * AUDIT_EVERY.total_seconds()
    assert published("oldest_seconds", category="replaced_objects") == since_first_check


async def test_forgets_object_that_is_back(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    stored = storage.objects[video.object_key]
    await lose(application, storage, clock, video)
    assert (await read_video(application, video.id)).missing_since is not None

    storage.objects[video.object_key] = stored
    report = await run(application)

    assert lost(report) == (0, 0, 0)
    assert (await read_video(application, video.id)).missing_since is None
    del storage.objects[video.object_key]
    clock.advance(AUDIT_EVERY)
    assert lost(await run(application)) == (1, 1, 0), "the next loss is a first finding again"


async def test_missing_objects_do_not_block_the_audit_of_others(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit, "AUDIT_BATCH", 2)
    gone = [await make_video("ready") for _ in range(3)]
    await run(application)
    await run(application)
    await lose(application, storage, clock, *gone)
    late = await make_video("ready", audit_due_at=clock.now())
    clock.advance(INTERVAL)
    storage.calls.clear()

    await run(application)
    await run(application)

    assert late.object_key in [about for operation, about in storage.calls if operation == "head"]


async def test_checks_each_ready_video_once_a_day(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    await make_video("ready")
    for _ in range(4):
        await run(application)
        clock.advance(AUDIT_EVERY / 3)

    assert storage.count("head") == 2


async def test_checks_a_batch_per_sweep(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "AUDIT_BATCH", 2)
    made = [await make_video("ready") for _ in range(5)]

    assert [(await run(application)).audited for _ in range(4)] == [2, 2, 1, 0]
    asked = [about for operation, about in storage.calls if operation == "head"]
    assert sorted(asked) == sorted(video.object_key for video in made)


async def test_finds_due_videos_without_sorting_them_all(
    postgres: PostgresDatabases, clock: FakeClock
) -> None:
    """With more videos than a day's audit checks, all are due. Sorting millions exceeds the statement's time limit."""
    database = Database(postgres.new())
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        statements.append((statement, parameters))

    async with database.reading() as session:
        event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        await audit_queries.list_due(session, clock.now(), 500)
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
        connection = await session.connection()
        # An empty table would tempt PostgreSQL to use these.
        for method in ("seqscan", "bitmapscan", "sort"):
            await connection.exec_driver_sql(f"SET LOCAL enable_{method} = off")
        plans = [
            "\n".join((await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)).scalars())
            for statement, parameters in statements
        ]
    await database.close()

    assert plans
    assert not [plan for plan in plans if "Sort" in plan or "Seq Scan" in plan]


async def test_unavailable_store_records_nothing(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    await run(application)
    before = await read_video(application, video.id)
    clock.advance(AUDIT_EVERY)
    storage.fail_next("server_time")

    with pytest.raises(StorageUnavailable):
        await run(application)

    assert await read_video(application, video.id) == before


async def test_aborts_uploads_despite_lost_videos(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    made = [await make_video("ready") for _ in range(11)]
    await run(application)
    for video in made:
        del storage.objects[video.object_key]
    storage.open_upload(a_key())
    clock.advance(AUDIT_EVERY)

    report = await run(application)

    assert (report.outcome, lost(report)) == (Outcome.DONE, (11, 11, 0))
    assert storage.open_uploads == []


async def test_records_findings_over_the_limit(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    await run(application)
    del storage.objects[video.object_key]
    for _ in range(11):
        storage.open_upload(a_key())
    clock.advance(AUDIT_EVERY)

    report = await run(application)

    assert (report.outcome, lost(report)) == (Outcome.OVER_LIMIT, (1, 1, 0))
    assert (await read_video(application, video.id)).missing_since is not None
    assert len(storage.open_uploads) == 11
