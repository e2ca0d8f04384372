"""The app's clock differs from the store's. Within the store's 15 minutes all works, beyond them nothing is lost."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.compat import get_current_datetime
from structlog.testing import capture_logs

from app.adapters.s3 import S3Storage
from app.bootstrap import Application, assemble
from app.core.config import Settings
from tests.api.shapes import API, MP4, assert_retry_later
from tests.conftest import SignedIn
from tests.contract.engines import request
from tests.crash.invariants import violations
from tests.factories import announce, make_settings
from tests.fakes import FakeDelivery, FakeProbe


class WrongClock:
    """This machine's clock with an offset, for us and for botocore."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.off = timedelta()

        def wrong(remove_tzinfo: bool = True) -> datetime:
            return get_current_datetime(remove_tzinfo) + self.off

        monkeypatch.setattr("botocore.auth.get_current_datetime", wrong)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.off


@pytest.fixture
def wrong_clock(monkeypatch: pytest.MonkeyPatch) -> WrongClock:
    return WrongClock(monkeypatch)


@pytest.fixture
def settings(direct_url: str, tmp_path: Path) -> Settings:
    return make_settings(direct_url, tmp_path)


@pytest.fixture
async def application(
    settings: Settings, s3_storage: S3Storage, wrong_clock: WrongClock, probe: FakeProbe
) -> AsyncIterator[Application]:
    made = assemble(settings, clock=wrong_clock, storage=s3_storage, delivery=FakeDelivery(), probe=probe)
    yield made
    await made.close()


@pytest.mark.parametrize("minutes", [-6, -1, 1, 6])
async def test_works_within_a_few_minutes(
    application: Application,
    s3_storage: S3Storage,
    wrong_clock: WrongClock,
    signed_in: SignedIn,
    minutes: int,
) -> None:
    wrong_clock.off = timedelta(minutes=minutes)
    alice = await signed_in()

    sent = await announce(alice)
    assert request("PUT", sent.upload["parts"][0]["url"], sent.data)[0] == 200
    done = await alice.post(f"{API}/videos/{sent.id}/complete", json={"parts": sent.part_md5s})

    assert done.status_code == 200, done.text
    assert (
        await violations(application.database, s3_storage, application.settings, application.clock.now())
        == []
    )


@pytest.mark.parametrize("minutes", [-16, 16])
async def test_beyond_stores_limit_postpones_and_loses_nothing(
    application: Application,
    s3_storage: S3Storage,
    wrong_clock: WrongClock,
    signed_in: SignedIn,
    minutes: int,
) -> None:
    alice = await signed_in()
    sent, open_still = await announce(alice), await announce(alice)
    assert request("PUT", sent.upload["parts"][0]["url"], sent.data)[0] == 200
    signing, completing = f"{API}/videos/{open_still.id}/parts", f"{API}/videos/{sent.id}/complete"

    wrong_clock.off = timedelta(minutes=minutes)
    assert_retry_later(await alice.get(f"{API}/health/ready"), "storage_unavailable")
    with capture_logs() as told:
        assert_retry_later(await alice.post(f"{API}/videos", json=MP4), "storage_unavailable")
    # The store refuses the background loops' calls, too.
    codes = [line["code"] for line in told if line["event"] == "storage.refused"]
    assert "RequestTimeTooSkewed" in codes, "an operator reads what it is"
    assert_retry_later(await alice.post(completing, json={"parts": sent.part_md5s}), "storage_unavailable")
    late = (await alice.post(signing, json={"part_numbers": [1]})).json()["parts"][0]["url"]
    # A URL of the past has expired. Swift accepts one of the future early, and it ends later by the same time.
    assert request("PUT", late, open_still.data)[0] == (403 if minutes < 0 else 200)

    wrong_clock.off = timedelta()
    done = await alice.post(completing, json={"parts": sent.part_md5s})
    assert (done.status_code, done.json()["status"]) == (200, "processing")
    fresh = (await alice.post(signing, json={"part_numbers": [1]})).json()["parts"][0]["url"]
    assert request("PUT", fresh, open_still.data)[0] == 200
    assert len((await alice.get(f"{API}/videos")).json()["items"]) == 2
    assert (
        await violations(application.database, s3_storage, application.settings, application.clock.now())
        == []
    )
