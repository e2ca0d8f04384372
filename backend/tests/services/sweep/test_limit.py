"""The sweep removes no more than 10 orphans, or 1 % of what it listed, unless forced."""

from datetime import timedelta

import pytest

from app.bootstrap import Application
from app.domain.sweep_report import Category, Outcome
from app.services.sweep import orphans
from tests.factories import (
    SMALL_VIDEO,
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
async def test_removes_nothing_over_the_limit(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    for _ in range(11):
        storage.open_upload(a_key())
    clock.advance(GRACE + timedelta(seconds=1))

    report = await run(application)

    assert report.outcome is Outcome.OVER_LIMIT
    assert (len(storage.open_uploads), found(report, Category.UNOWNED_UPLOADS).done) == (11, 0)
    assert "--force" in report.as_text()


@pytest.mark.usefixtures("adopted")
async def test_removes_ten_and_more_if_forced(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    for count, order in ((10, {}), (11, {"force": True})):
        for _ in range(count):
            storage.open_upload(a_key())
        clock.advance(GRACE + timedelta(seconds=1))

        report = await run(application, **order)

        assert (report.outcome, storage.open_uploads) == (Outcome.DONE, [])


@pytest.mark.usefixtures("adopted")
async def test_removes_only_what_it_counted(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    for _ in range(10):
        storage.open_upload(a_key())
    clock.advance(GRACE + timedelta(seconds=1))

    async def open_five_more() -> None:
        for _ in range(5):
            storage._uploads[storage.open_upload(a_key())].initiated_at = START_OF_TIME

    storage.hook_next("abort_multipart_upload", open_five_more)

    assert found(await run(application), Category.UNOWNED_UPLOADS).done == 10
    assert len(storage.open_uploads) == 5


@pytest.mark.usefixtures("adopted")
async def test_forced_sweep_keeps_its_memory_bounded(
    application: Application, storage: InMemoryStorage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "MAX_REMOVED", 12)
    for _ in range(15):
        storage.open_upload(a_key())
    clock.advance(GRACE + timedelta(seconds=1))

    unowned = found(await run(application, force=True), Category.UNOWNED_UPLOADS)

    assert (unowned.count, unowned.done, len(storage.open_uploads)) == (15, 12, 3)


@pytest.mark.usefixtures("adopted")
async def test_limit_counts_unknown_objects_only_to_remove_them(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    for _ in range(11):
        storage.store_object(a_key(), SMALL_VIDEO)
    clock.advance(GRACE + timedelta(seconds=1))

    assert (await run(application)).outcome is Outcome.DONE
    assert (await run(application, remove_objects=True)).outcome is Outcome.OVER_LIMIT
    assert len(video_objects(storage)) == 11
    assert (await run(application, remove_objects=True, force=True)).outcome is Outcome.DONE
    assert video_objects(storage) == []
