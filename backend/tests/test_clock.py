"""All processes on a PostgreSQL use its clock, however wrong their machines' clocks are."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.bootstrap import Application, pick_clock
from app.core.clock import SharedClock, SystemClock
from app.core.config import Settings
from app.core.db import Database
from app.domain.errors import DatabaseUnavailable
from app.ports import Clock
from app.runtime import Intervals, running
from tests.conftest import MakeVideo
from tests.databases import PostgresDatabases
from tests.factories import make_application, make_settings, read_video
from tests.fakes import FakeProbe, InMemoryStorage
from tests.waiting import TIMEOUT_SECONDS

AN_UNHURRIED_TEST = timedelta(minutes=2)
OFTEN = Intervals(clock=0.01)


class WrongClock(SystemClock):
    def __init__(self, minutes_ahead: int) -> None:
        self.ahead = timedelta(minutes=minutes_ahead)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def until_right(clock: Clock) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            if abs(clock.now() - datetime.now(UTC)) < AN_UNHURRIED_TEST:
                return
            await asyncio.sleep(0.01)


@pytest.fixture
def settings(postgres: PostgresDatabases, tmp_path: Path) -> Iterator[Settings]:
    url = postgres.new()
    yield make_settings(url, tmp_path)
    postgres.discard(url)


@pytest.fixture(params=[-16, 6, 16])
async def astray(
    request: pytest.FixtureRequest, settings: Settings, storage: InMemoryStorage, probe: FakeProbe
) -> AsyncIterator[Application]:
    """A process on a machine whose clock is wrong by some minutes."""
    made = make_application(settings, SharedClock(WrongClock(request.param)), storage, probe)
    yield made
    await made.tasks.drain(TIMEOUT_SECONDS)
    await made.close()


async def test_process_uses_databases_time_from_start(astray: Application) -> None:
    async with running(astray):
        assert abs(astray.clock.now() - datetime.now(UTC)) < AN_UNHURRIED_TEST


async def test_lease_ends_for_all_at_once(
    application: Application, astray: Application, make_video: MakeVideo
) -> None:
    """Otherwise a dead holder with a fast clock delays a completion, and one with a slow clock loses its lease."""
    now = datetime.now(UTC)
    video = await make_video("uploading", created_at=now, expires_at=now + timedelta(hours=1))
    await astray.set_clock()
    await astray.completion._claim(video.user_id, video.id, {}, uuid.uuid4())

    lease_until = (await read_video(application, video.id)).lease_until

    assert lease_until is not None
    assert now < lease_until < now + AN_UNHURRIED_TEST


async def test_clock_keeps_offset_without_database(astray: Application) -> None:
    await astray.set_clock()
    assert isinstance(astray.clock, SharedClock)
    nowhere = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")

    with pytest.raises(DatabaseUnavailable):
        await astray.clock.set_by(nowhere)

    await nowhere.close()
    assert abs(astray.clock.now() - datetime.now(UTC)) < AN_UNHURRIED_TEST


async def test_sets_clock_while_bucket_is_unconfirmed(
    settings: Settings, storage: InMemoryStorage, probe: FakeProbe
) -> None:
    """A store may be unavailable for hours while people sign in."""
    storage.fail_next("read_range", times=1_000)
    own = WrongClock(0)
    application = make_application(settings, SharedClock(own), storage, probe)

    async with running(application, OFTEN):
        own.ahead = timedelta(days=30)
        await until_right(application.clock)


async def test_sets_clock_after_unexpected_error(
    settings: Settings, storage: InMemoryStorage, probe: FakeProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = WrongClock(0)
    clock = SharedClock(own)
    set_by = clock.set_by
    failed = asyncio.Event()

    async def fail_once(_database: Database) -> None:
        monkeypatch.setattr(clock, "set_by", set_by)
        failed.set()
        raise RuntimeError("a bug")

    async with running(make_application(settings, clock, storage, probe), OFTEN):
        monkeypatch.setattr(clock, "set_by", fail_once)
        await failed.wait()
        own.ahead = timedelta(days=30)
        await until_right(clock)


async def test_postgresql_decides_the_clock(settings: Settings, tmp_path: Path) -> None:
    alone = make_settings(f"sqlite+aiosqlite:///{tmp_path}/slipway.db", tmp_path)

    assert isinstance(pick_clock(settings), SharedClock)
    assert isinstance(pick_clock(alone), SystemClock)
