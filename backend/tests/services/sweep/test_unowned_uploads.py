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
