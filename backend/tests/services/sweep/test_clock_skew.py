"""Ages are those of the store's clock."""

from datetime import timedelta

import pytest

from app.bootstrap import Application
from app.domain.recheck import RECHECK_AFTER
from app.services.sweep.audit import AUDIT_EVERY
from tests.conftest import MakeVideo
from tests.factories import (
    SMALL_VIDEO,
    read_video,
)
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.conftest import Create
from tests.services.sweep.conftest import (
    GRACE,
    a_key,
    run,
)


class TestSkewedClock:
    """The app's clock is 16 minutes slow or fast, the store's is right."""

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

    async def test_unowned_upload_stays_for_the_grace_time(
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

    async def test_upload_with_recent_part_does_not_expire(
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

        # All its parts are in the store, so the second check decides.
        for wait in (timedelta(seconds=1), RECHECK_AFTER):
            for each in (clock, store_clock):
                each.advance(wait)
            await application.reconciler.reconcile_due()
        assert (await read_video(application, started.video.id)).status == "expired"

    async def test_audit_confirms_by_the_stores_clock(
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
        clock.advance(AUDIT_EVERY)
        await run(application)
        for _ in range(4):
            clock.advance(RECHECK_AFTER)
            store_clock.advance(minutes=1)
            assert (await run(application)).unconfirmed == 1

        clock.advance(RECHECK_AFTER)
        store_clock.advance(minutes=1)
        assert (await run(application)).unconfirmed == 0
