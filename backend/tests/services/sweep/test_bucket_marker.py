"""The sweep acts only in a bucket whose marker names its database."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from app.bootstrap import Application
from app.core.config import Settings
from app.core.storage_causes import cause_of
from app.domain.errors import StorageUnavailable
from app.domain.recheck import RECHECK_AFTER
from app.domain.sweep_report import MarkerState, Outcome
from app.models import Installation, User, Video
from app.services.sweep.audit import AUDIT_EVERY
from app.services.sweep.bucket import MARKER_KEY
from tests.conftest import MakeVideo
from tests.factories import (
    SMALL_VIDEO,
    make_application,
    read_video,
    run_due_probes,
)
from tests.fakes import FakeClock, FakeProbe, InMemoryStorage, When
from tests.services.conftest import Sent
from tests.services.sweep.conftest import (
    GRACE,
    a_key,
    leave_strange_things,
    run,
    set_installation,
    video_objects,
)


async def test_first_sweep_writes_marker(
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
async def test_leaves_bucket_of_another_database(
    application: Application, storage: InMemoryStorage, make_video: MakeVideo, clock: FakeClock, marker: bytes
) -> None:
    lost = await leave_strange_things(application, storage, make_video, clock)
    storage.store_object(MARKER_KEY, marker)
    before = await read_video(application, lost.id)

    for _ in range(3):
        report = await run(application, remove_objects=True, force=True)
        assert (report.outcome, report.marker) == (Outcome.REFUSED, MarkerState.FOREIGN)
        clock.advance(RECHECK_AFTER)

    assert await read_video(application, lost.id) == before
    assert (len(storage.open_uploads), len(video_objects(storage))) == (1, 1)
    assert storage.objects[MARKER_KEY].data == marker


async def test_recreated_database_does_not_adopt_bucket(
    application: Application, storage: InMemoryStorage, make_video: MakeVideo, clock: FakeClock
) -> None:
    await leave_strange_things(application, storage, make_video, clock)
    async with application.database.transaction() as session:
        await session.execute(delete(Installation))

    assert (await run(application)).outcome is Outcome.REFUSED
    assert (await run(application, adopt=True)).outcome is Outcome.DONE
    assert (await run(application)).marker is MarkerState.OURS


async def test_does_not_adopt_bucket_with_unknown_objects(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """An empty database was restored, and the bucket contains videos."""
    storage.store_object(a_key(), SMALL_VIDEO)
    storage.open_upload(a_key())
    clock.advance(GRACE + timedelta(seconds=1))

    report = await run(application, remove_objects=True)

    assert (report.outcome, report.marker) == (Outcome.REFUSED, MarkerState.ABSENT)
    assert MARKER_KEY not in storage.objects
    assert (len(storage.open_uploads), len(video_objects(storage))) == (1, 1)


async def test_does_not_adopt_bucket_without_ready_videos(
    application: Application, storage: InMemoryStorage, make_video: MakeVideo, clock: FakeClock
) -> None:
    """The settings name another, empty bucket."""
    video = await make_video("ready")
    await run(application)
    storage.objects.clear()

    for _ in range(3):
        report = await run(application)
        assert (report.outcome, report.marker) == (Outcome.REFUSED, MarkerState.ABSENT)
        clock.advance(AUDIT_EVERY)

    assert (await read_video(application, video.id)).status == "ready"
    assert storage.objects == {}


async def test_database_with_bucket_does_not_adopt_empty_one(
    application: Application,
    settings: Settings,
    make_video: MakeVideo,
    clock: FakeClock,
    probe: FakeProbe,
) -> None:
    """No video is ready, so no object is missing."""
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


async def test_next_sweep_records_marker(application: Application, storage: InMemoryStorage) -> None:
    """The process died before it recorded the marker."""
    await run(application)
    await set_installation(application, bucket_marked_at=None)
    await run(application)
    del storage.objects[MARKER_KEY]

    assert (await run(application)).outcome is Outcome.REFUSED


@pytest.mark.parametrize(("when", "adopt"), [("before", False), ("after", False), ("after", True)])
async def test_concurrent_adoption_leaves_one_owner(
    application: Application, storage: InMemoryStorage, clock: FakeClock, when: When, adopt: bool
) -> None:
    storage.open_upload(a_key())
    clock.advance(GRACE + timedelta(seconds=1))

    async def the_other_writes() -> None:
        storage.store_object(MARKER_KEY, f'{{"database_id": "{uuid.uuid4()}"}}'.encode())

    storage.hook_next("put", the_other_writes, when=when)

    assert (await run(application, adopt=adopt)).outcome is Outcome.REFUSED
    assert len(storage.open_uploads) == 1


async def test_stops_if_written_marker_is_missing(application: Application, storage: InMemoryStorage) -> None:
    async def lose_it() -> None:
        del storage.objects[MARKER_KEY]

    storage.hook_next("put", lose_it, when="after")

    with pytest.raises(StorageUnavailable) as raised:
        await run(application)

    assert cause_of(raised.value) == "The store does not show the object that it just took."


async def test_restored_database_keeps_upload_finished_since(
    application: Application, sent: Sent, storage: InMemoryStorage, clock: FakeClock, user: User
) -> None:
    """The backup was taken during the upload, which has finished since."""
    video = await sent()
    await application.completion.complete(user.id, video.id, {})
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
