"""The sweep aborts multipart uploads that no row owns, and no others."""

from datetime import timedelta

import pytest

from app.bootstrap import Application
from app.domain.errors import StorageUnavailable
from app.domain.sweep_report import Category, Outcome
from tests.conftest import MakeVideo
from tests.factories import (
    SMALL_VIDEO,
)
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.conftest import Create
from tests.services.sweep.conftest import (
    GRACE,
    a_key,
    found,
    open_ids,
    run,
)


async def test_aborts_upload_whose_answer_was_lost(
    application: Application, create: Create, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """CreateMultipartUpload timed out. The row was deleted, and then the upload appeared."""
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
async def test_reports_count_size_and_age(
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
async def test_leaves_upload_of_a_row(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock, status: str
) -> None:
    await make_video(status)
    clock.advance(timedelta(days=30))

    report = await run(application)

    assert found(report, Category.UNOWNED_UPLOADS).count == 0
    assert len(storage.open_uploads) == 1


@pytest.mark.usefixtures("adopted")
async def test_leaves_upload_of_a_row_without_its_id(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("uploading", upload_id=None, in_store=False)
    storage.open_upload(video.object_key)
    clock.advance(timedelta(days=30))

    await run(application)

    assert len(storage.open_uploads) == 1


@pytest.mark.usefixtures("adopted")
async def test_aborts_second_upload_at_a_rows_key(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """Of two concurrent equal creates, the second one's abort was lost."""
    video = await make_video("uploading")
    storage.open_upload(video.object_key)
    clock.advance(GRACE + timedelta(seconds=1))

    await run(application)

    assert open_ids(storage) == [video.upload_id]


@pytest.mark.usefixtures("adopted")
async def test_leaves_upload_beside_unknown_object(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """The object may still consist of its parts."""
    unknown = a_key()
    storage.store_object(unknown, SMALL_VIDEO)
    storage.open_upload(unknown)
    clock.advance(timedelta(days=30))

    report = await run(application, force=True)

    assert len(storage.open_uploads) == 1
    assert found(report, Category.UPLOADS_BESIDE_OBJECT).count == 1


@pytest.mark.usefixtures("adopted")
async def test_aborts_upload_beside_video_of_another_upload(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """A create died before it saved the upload ID, and the repeated one made the video."""
    ready = await make_video("ready")
    storage.open_upload(ready.object_key)
    clock.advance(timedelta(days=30))

    await run(application)

    assert storage.open_uploads == []
    assert ready.object_key in storage.objects


@pytest.mark.usefixtures("adopted")
async def test_aborts_upload_again_after_late_part(
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
async def test_aborts_late_part_of_failed_video(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("failed")
    await application.reconciler.reconcile_due()
    storage.store_late_part(video.object_key, video.upload_id or "", 1, b"late")
    clock.advance(GRACE + timedelta(seconds=1))

    await run(application)

    assert storage.open_uploads == []


@pytest.mark.usefixtures("adopted")
async def test_accepts_upload_that_ends_during_the_sweep(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    key = a_key()
    upload_id = storage.open_upload(key)
    clock.advance(GRACE + timedelta(seconds=1))

    async def abort() -> None:
        await storage.abort_multipart_upload(key, upload_id)

    storage.hook_next("list_uploads", abort, when="after")

    assert found(await run(application), Category.UNOWNED_UPLOADS).count == 0
