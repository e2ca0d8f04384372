"""The sweep reports objects that no row accounts for, and removes only some."""

from datetime import datetime, timedelta

import pytest

from app.bootstrap import Application
from app.domain.sweep_report import Category, Finding
from app.models import User
from tests.conftest import MakeVideo
from tests.factories import (
    SMALL_VIDEO,
    assert_quota_is_exact,
    read_video,
)
from tests.fakes import START_OF_TIME, FakeClock, InMemoryStorage
from tests.services.sweep.conftest import (
    GRACE,
    a_key,
    found,
    run,
    video_objects,
)


@pytest.mark.usefixtures("adopted")
async def test_reports_and_keeps_object_without_row(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    await make_video("ready")
    key = a_key()
    storage.store_object(key, SMALL_VIDEO)
    clock.advance(GRACE + timedelta(minutes=1))

    report = await run(application, force=True)

    assert found(report, Category.UNKNOWN_OBJECTS) == Finding(1, len(SMALL_VIDEO), 3660, 0, [key])
    assert key in storage.objects


@pytest.mark.usefixtures("adopted")
async def test_remove_objects_removes_old_ones_without_row(
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
async def test_removes_object_of_failed_video_again(
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
    assert (await read_video(application, video.id)).due_at is None, "the reconciler is done with it"
    await assert_quota_is_exact(application, user)


@pytest.mark.usefixtures("adopted")
@pytest.mark.parametrize("storage_gone_at", [None, START_OF_TIME], ids=["by the audit", "by the worker"])
async def test_keeps_returned_object(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    storage_gone_at: datetime | None,
) -> None:
    """Someone restored it."""
    video = await make_video(
        "failed", status_code="object_missing", due_at=None, storage_gone_at=storage_gone_at
    )

    report = await run(application)
    await application.reconciler.reconcile_due()

    assert found(report, Category.RETURNED_OBJECTS).count == 1
    assert video_objects(storage) == [video.object_key]
