"""The sweep removes no more than 10 orphans, or 1 % of what it listed, unless forced."""

from datetime import timedelta

import pytest

from app.bootstrap import Application
from app.domain.sweep_report import Category, Outcome
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
async def test_a_pass_that_would_do_too_much_does_nothing(
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
    assert (await run(application, remove_objects=True)).outcome is Outcome.OVER_LIMIT
    assert len(video_objects(storage)) == 11
    assert (await run(application, remove_objects=True, force=True)).outcome is Outcome.DONE
    assert video_objects(storage) == []
