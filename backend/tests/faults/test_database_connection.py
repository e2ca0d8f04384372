"""While the database is unreachable, requests get 503 in time, change nothing, and work again afterwards."""

import asyncio
import time
import uuid
from datetime import timedelta

import pytest
from sqlalchemy.engine import make_url

from app.bootstrap import Application
from tests.api.shapes import API, MP4, assert_retry_later
from tests.conftest import SignedIn
from tests.crash.invariants import violations
from tests.databases import Databases, PostgresDatabases
from tests.engines.tcp_fault_proxy import TcpFaultProxy
from tests.fakes import FakeClock, InMemoryStorage
from tests.faults.conftest import DOWN_SECONDS, FAULTS, until_healthy
from tests.waiting import TIMEOUT_SECONDS

# A setting of a database holds for new connections.
END_OTHER_CONNECTIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def assert_all_is_well(application: Application, storage: InMemoryStorage) -> None:
    assert (
        await violations(application.database, storage, application.settings, application.clock.now()) == []
    )


@pytest.mark.parametrize("fault", FAULTS)
async def test_requests_get_503_in_time_and_work_afterwards(
    application: Application,
    storage: InMemoryStorage,
    signed_in: SignedIn,
    database_proxy: TcpFaultProxy,
    clock: FakeClock,
    fault: str,
) -> None:
    alice = await signed_in()
    assert (await alice.get(f"{API}/videos")).status_code == 200

    FAULTS[fault](database_proxy)
    down_until = time.monotonic() + DOWN_SECONDS
    while True:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            answers = await asyncio.gather(
                alice.get(f"{API}/videos"),
                alice.post(f"{API}/videos", json=MP4),
                alice.delete(f"{API}/videos/{uuid.uuid4()}"),
                alice.get(f"{API}/health/ready"),
                *(alice.get(f"{API}/auth/me") for _ in range(application.settings.database_pool_size * 2)),
            )
        for answer in answers:
            assert_retry_later(answer, "database_unavailable")
        if time.monotonic() >= down_until:
            break
    database_proxy.heal()

    async def works() -> bool:
        clock.advance(timedelta(seconds=1))  # Readiness keeps its answer for so long.
        ready = await alice.get(f"{API}/health/ready")
        created = await alice.post(f"{API}/videos", json=MP4)
        return (ready.status_code, created.status_code) == (200, 201)

    await until_healthy(works)
    await assert_all_is_well(application, storage)


async def test_full_pool_answers_503_in_time(application: Application, signed_in: SignedIn) -> None:
    alice = await signed_in()
    release, held = asyncio.Event(), asyncio.Semaphore(0)

    async def hold() -> None:
        async with application.database.reading():
            held.release()
            await release.wait()

    # The background loops need connections too, so none is left for requests.
    async with asyncio.TaskGroup() as group:
        for _ in range(application.settings.database_pool_size):
            group.create_task(hold())
        for _ in range(application.settings.database_pool_size):
            await held.acquire()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            answers = await asyncio.gather(*(alice.get(f"{API}/videos") for _ in range(50)))
        for answer in answers:
            assert_retry_later(answer, "database_unavailable")
        release.set()
    assert (await alice.get(f"{API}/videos")).status_code == 200


async def test_read_only_database_is_unavailable(
    signed_in: SignedIn, databases: Databases, direct_url: str, clock: FakeClock
) -> None:
    """After a failover, connections may still lead to the old primary, which refuses changes."""
    alice = await signed_in()
    assert isinstance(databases, PostgresDatabases)
    name = make_url(direct_url).database
    assert name
    setting = f'ALTER DATABASE "{name}" {{}} default_transaction_read_only'
    databases.server.psql(name, f"{setting.format('SET')} = on; {END_OTHER_CONNECTIONS}")

    try:
        assert_retry_later(await alice.post(f"{API}/videos", json=MP4), "database_unavailable")
        clock.advance(timedelta(seconds=1))  # Readiness keeps its answer for so long.
        assert_retry_later(await alice.get(f"{API}/health/ready"), "database_unavailable")
    finally:
        databases.server.psql("postgres", setting.format("RESET"))

    async def works() -> bool:
        clock.advance(timedelta(seconds=1))
        ready = await alice.get(f"{API}/health/ready")
        created = await alice.post(f"{API}/videos", json=MP4)
        return (ready.status_code, created.status_code) == (200, 201)

    await until_healthy(works)
