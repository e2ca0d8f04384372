"""One sweep at a time, of all processes, holds the lease."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from app.bootstrap import Application
from app.core.config import Settings
from app.crud import installation
from app.domain.errors import StorageUnavailable
from app.domain.sweep_report import Category, Outcome
from app.services.sweep import lease
from app.services.sweep.audit import AUDIT_EVERY
from app.services.sweep.bucket import MARKER_KEY
from app.services.sweep.lease import AnotherSweepRunning, SweepLease, SweepOvertaken
from app.services.sweep.sweep import SweepOrder
from tests.conftest import MakeVideo
from tests.factories import (
    SMALL_VIDEO,
    make_application,
    read_video,
)
from tests.fakes import FakeClock, FakeProbe, InMemoryStorage
from tests.services.sweep.conftest import (
    GRACE,
    INTERVAL,
    a_key,
    published,
    rows,
    run,
    set_installation,
)


async def test_second_sweep_raises(application: Application, storage: InMemoryStorage) -> None:
    gate = storage.hold_next("list_uploads")
    first = asyncio.create_task(run(application))
    await gate.reached()

    with pytest.raises(AnotherSweepRunning):
        await run(application)
    assert (await run(application, dry_run=True)).dry_run, "a dry run needs no lease"

    gate.release()
    assert (await first).outcome is Outcome.DONE
    assert (await run(application)).outcome is Outcome.DONE


async def test_waits_for_the_lease(application: Application, storage: InMemoryStorage) -> None:
    gate = storage.hold_next("list_uploads")
    first = asyncio.create_task(run(application))
    await gate.reached()
    second = asyncio.create_task(application.sweep.run(SweepOrder(), wait_seconds=60))
    gate.release()

    assert (await first).outcome is Outcome.DONE
    assert (await second).outcome is Outcome.DONE
    assert storage.count("list_uploads") == 2


async def test_runs_after_clock_was_set_back(application: Application, clock: FakeClock) -> None:
    await run(application)
    clock.advance(minutes=-30)

    assert (await run(application)).outcome is Outcome.DONE


async def test_many_processes_sweep_once(
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


async def test_lease_of_killed_sweep_expires(application: Application) -> None:
    assert await SweepLease(application.database, application.clock).claim()
    with pytest.raises(AnotherSweepRunning):
        await run(application)

    async with application.database.reading() as session:
        row = await installation.get(session)
    assert row is not None
    assert row.sweep_lease_until is not None
    assert row.sweep_began_at is not None
    assert row.sweep_lease_until - row.sweep_began_at == lease.SWEEP_LEASE
    await set_installation(application, sweep_lease_until=row.sweep_began_at)

    assert (await run(application)).outcome is Outcome.DONE


async def test_failed_sweep_releases_the_lease(application: Application, storage: InMemoryStorage) -> None:
    storage.fail_next("list_objects")
    with pytest.raises(StorageUnavailable):
        await run(application)

    assert (await run(application)).outcome is Outcome.DONE


@pytest.mark.usefixtures("adopted")
async def test_stops_after_losing_the_lease(
    application: Application, storage: InMemoryStorage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_AFTER_SECONDS", 0)
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
async def test_sweep_overtaken_during_checks_records_nothing(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock, moment: str
) -> None:
    """The lease renewed last may have ended, because the process's clock stopped while its machine slept."""
    lost, sound = [await make_video("ready") for _ in range(2)]
    await run(application)
    del storage.objects[lost.object_key]
    clock.advance(AUDIT_EVERY)
    await run(application)
    clock.advance(AUDIT_EVERY)
    before = await read_video(application, lost.id), await read_video(application, sound.id)

    async def overtake() -> None:
        await set_installation(application, sweep_owner=uuid.uuid4())

    storage.hook_next(moment, overtake)
    with pytest.raises(SweepOvertaken):
        await run(application)

    assert (await read_video(application, lost.id), await read_video(application, sound.id)) == before


@pytest.mark.usefixtures("adopted")
async def test_sweep_overtaken_at_its_end_is_not_done(
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


async def test_renews_the_lease_during_many_checks(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_AFTER_SECONDS", 0)
    for _ in range(40):
        await make_video("ready")

    async def overtake() -> None:
        await set_installation(application, sweep_owner=uuid.uuid4())

    storage.hook_next("head", overtake)
    with pytest.raises(SweepOvertaken):
        await run(application)

    assert storage.count("head") < 40


async def test_automatic_sweep_runs_once_per_interval(
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
    assert storage.count("list_uploads") == 1, "the interval counts from the end of the last sweep"

    await set_installation(application, sweep_ended_at=row.sweep_ended_at - INTERVAL)
    await application.sweep.run_when_due()
    assert storage.count("list_uploads") == 2


async def test_every_process_publishes_the_last_report(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    await application.sweep.run_when_due()
    done_at = published("last_success_timestamp_seconds")
    assert done_at
    storage.store_object(a_key(), SMALL_VIDEO)
    for _ in range(11):
        storage.open_upload(a_key())
    clock.advance(GRACE * 2)
    await run(application)  # As another process does.

    await application.sweep.run_when_due()

    assert published("found", category="unknown_objects") == 1
    assert published("found_bytes", category="unknown_objects") == len(SMALL_VIDEO)
    assert published("oldest_seconds", category="unknown_objects") == 7200
    assert published("stopped", outcome="over_limit") == 1
    assert published("last_success_timestamp_seconds") == done_at, "a stopped sweep is no success"


async def test_refused_sweep_publishes_no_findings(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """With a wrong S3_BUCKET, every video looks lost."""
    video = await make_video("ready")
    storage.store_object(a_key(), SMALL_VIDEO)
    clock.advance(GRACE * 2)
    await run(application, adopt=True)
    await application.sweep.run_when_due()
    clock.advance(AUDIT_EVERY)
    storage.store_object(MARKER_KEY, b'{"database_id": "another"}')
    del storage.objects[video.object_key]
    refused = await run(application)
    assert refused.findings[Category.MISSING_OBJECTS].count == 1
    await set_installation(application, sweep_began_at=clock.now(), sweep_ended_at=clock.now())

    await application.sweep.run_when_due()

    assert published("stopped", outcome="refused") == 1
    assert published("found", category="missing_objects") == 0
    assert published("found", category="unknown_objects") == 1, "as the last sweep of the right bucket found"
