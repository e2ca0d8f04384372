"""Counters of limits in memory, in PostgreSQL and in Redis keep one contract."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from io import StringIO

import pytest

from app.adapters.limit_counters import DatabaseCounters, MemoryCounters
from app.adapters.redis_counters import RedisCounters
from app.core.db import Database
from app.ports import LimitCounters
from tests.api.conftest import log  # noqa: F401  # a fixture
from tests.databases import PostgresDatabases
from tests.engines.redis import RedisServer
from tests.fakes import FakeClock
from tests.waiting import TIMEOUT_SECONDS

Make = Callable[[], LimitCounters]
"""Makes the counters of one more process."""


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres: PostgresDatabases) -> Iterator[str]:
    url = postgres.new()
    yield url
    postgres.discard(url)


def be_patient_with_redis(patch: pytest.MonkeyPatch) -> None:
    """Do not count in memory because the machine is slow."""
    patch.setattr("app.adapters.redis_counters._REDIS_SECONDS", TIMEOUT_SECONDS)


@pytest.fixture(params=["memory", "postgresql", "redis"])
async def make(
    request: pytest.FixtureRequest, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Make]:
    be_patient_with_redis(monkeypatch)
    made: list[LimitCounters] = []
    databases: list[Database] = []

    def new() -> LimitCounters:
        if request.param == "redis":
            made.append(RedisCounters(request.getfixturevalue("redis").url, MemoryCounters(clock)))
        elif request.param == "postgresql":
            databases.append(Database(request.getfixturevalue("postgres_url")))
            made.append(DatabaseCounters(databases[-1], clock))
        else:
            made.append(MemoryCounters(clock))
        return made[-1]

    yield new
    for counters in made:
        await counters.close()
    for database in databases:
        await database.close()


async def test_hits_add_up_to_each_key(make: Make) -> None:
    counters = make()

    assert await counters.count("a") == 0
    assert await counters.seconds_left("a") == 0
    assert [await counters.hit("a", 100) for _ in range(3)] == [1, 2, 3]
    assert await counters.hit("b", 100) == 1
    assert await counters.count("a") == 3
    assert 0 < await counters.seconds_left("a") <= 100


async def test_hits_at_once_get_different_sums(make: Make) -> None:
    counters = make()

    sums = await asyncio.gather(*(counters.hit("at once", 100) for _ in range(40)))

    assert sorted(sums) == list(range(1, 41))


async def test_later_hits_leave_the_end_of_the_window(make: Make) -> None:
    counters = make()
    await counters.hit("window", 100)

    await counters.hit("window", 10_000)

    assert await counters.seconds_left("window") <= 100


@pytest.mark.parametrize("make", ["memory", "postgresql"], indirect=True)
async def test_sum_is_zero_from_the_end_of_the_window(make: Make, clock: FakeClock) -> None:
    counters = make()
    await counters.hit("a", 100)
    clock.advance(timedelta(seconds=99))
    assert await counters.count("a") == 1

    clock.advance(timedelta(seconds=1))

    assert await counters.count("a") == 0
    assert await counters.seconds_left("a") == 0
    assert await counters.hit("a", 100) == 1


async def test_a_cleared_window_has_ended(make: Make) -> None:
    counters = make()
    await counters.hit("cleared", 60)
    await counters.hit("kept", 60)
    await counters.clear("cleared")

    assert [await counters.count(key) for key in ("cleared", "kept")] == [0, 1]
    assert await counters.seconds_left("cleared") == 0


@pytest.mark.parametrize("make", ["redis"], indirect=True)
async def test_redis_ends_the_window_by_itself(make: Make) -> None:
    counters = make()
    await counters.hit("short", 1)

    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            if await counters.count("short") == 0:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("make", ["postgresql", "redis"], indirect=True)
async def test_processes_share_the_sum(make: Make) -> None:
    one, other = make(), make()

    assert await one.hit("shared", 100) == 1
    assert await other.hit("shared", 100) == 2
    assert await one.count("shared") == 2


async def test_memory_keeps_a_bounded_number_and_forgets_the_oldest(clock: FakeClock) -> None:
    counters = MemoryCounters(clock, max_counters=100)
    for number in range(10_000):
        await counters.hit(str(number), 100)

    assert len(counters._windows) == 100
    assert await counters.count("9900") == 1
    assert await counters.count("9899") == 0


async def test_memory_forgets_ended_windows_at_the_next_new_one(clock: FakeClock) -> None:
    counters = MemoryCounters(clock)
    for number in range(50):
        await counters.hit(str(number), 100)
    clock.advance(timedelta(seconds=100))

    await counters.hit("new", 100)

    assert list(counters._windows) == ["new"]


@pytest.mark.parametrize("make", ["postgresql"], indirect=True)
async def test_database_deletes_ended_windows_within_a_minute(
    make: Make, clock: FakeClock, postgres_url: str
) -> None:
    counters = make()
    await counters.hit("old", 30)
    clock.advance(timedelta(seconds=60))

    await counters.hit("new", 30)

    database = Database(postgres_url)
    async with database.reading() as session:
        kept = (await session.connection()).exec_driver_sql("SELECT key FROM limit_counters")
        assert [row[0] for row in await kept] == ["new"]
    await database.close()


async def test_process_counts_alone_while_redis_is_away(
    clock: FakeClock,
    log: StringIO,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    be_patient_with_redis(monkeypatch)
    monkeypatch.setattr("app.adapters.redis_counters._ASK_AGAIN_SECONDS", 0.0)
    server = RedisServer().start()
    counters = RedisCounters(server.url, MemoryCounters(clock))
    await counters.hit("key", 100)
    server.kill()

    assert [await counters.hit("key", 100) for _ in range(3)] == [1, 2, 3]
    assert await counters.count("key") == 3
    assert await counters.seconds_left("key") == 100

    server.start()
    assert await counters.hit("key", 100) == 1
    await counters.close()
    server.stop()
    events = [json.loads(line)["event"] for line in log.getvalue().splitlines()]
    assert events == ["limits.unavailable", "limits.available"]


async def test_redis_that_hangs_is_asked_once_in_a_while(clock: FakeClock) -> None:
    server = RedisServer().start()
    with pytest.MonkeyPatch.context() as patch:
        be_patient_with_redis(patch)
        counters = RedisCounters(server.url, MemoryCounters(clock))
        await counters.hit("key", 100)
    assert server._process is not None
    server._process.send_signal(signal.SIGSTOP)

    before = asyncio.get_running_loop().time()
    assert [await counters.hit("key", 100) for _ in range(100)] == list(range(1, 101))
    assert counters._ask_again_at >= before + 5

    await counters.close()
    server.stop()
