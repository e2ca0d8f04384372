"""While the store is unreachable, requests that need it get 503 in time, others work, and all works afterwards."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from app.adapters.s3 import S3Storage
from app.bootstrap import Application, assemble
from app.core.clock import SystemClock
from app.core.config import Settings
from app.models import Video
from tests.api.shapes import API, MP4, assert_retry_later
from tests.conftest import SignedIn
from tests.contract.engines import request
from tests.crash.invariants import violations
from tests.engines.tcp_fault_proxy import TcpFaultProxy
from tests.factories import announce, make_settings
from tests.fakes import FakeDelivery, FakeProbe
from tests.faults.conftest import FAULTS, until_healthy
from tests.waiting import TIMEOUT_SECONDS

CROWD = 200


@pytest.fixture
def settings(direct_url: str, tmp_path: Path) -> Settings:
    """The database without its proxy."""
    return make_settings(direct_url, tmp_path, user_max_uploads_in_flight=10_000)


@pytest.fixture
async def application(
    settings: Settings, s3_storage: S3Storage, probe: FakeProbe
) -> AsyncIterator[Application]:
    made = assemble(settings, clock=SystemClock(), storage=s3_storage, delivery=FakeDelivery(), probe=probe)
    yield made
    await made.close()


def is_accepted(answer: httpx.Response) -> bool:
    return answer.status_code in (200, 201)


@pytest.mark.parametrize("fault", FAULTS)
async def test_store_calls_get_503_and_others_work(
    application: Application,
    s3_storage: S3Storage,
    signed_in: SignedIn,
    store_proxy: TcpFaultProxy,
    fault: str,
) -> None:
    alice = await signed_in()
    sent, waiting, doomed = [await announce(alice) for _ in range(3)]
    assert request("PUT", sent.upload["parts"][0]["url"], sent.data)[0] == 200

    FAULTS[fault](store_proxy)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        created, ready, listed, signed, deleted, completed = await asyncio.gather(
            alice.post(f"{API}/videos", json=MP4),
            alice.get(f"{API}/health/ready"),
            alice.get(f"{API}/videos"),
            alice.post(f"{API}/videos/{waiting.id}/parts", json={"part_numbers": [1]}),
            alice.delete(f"{API}/videos/{doomed.id}"),
            alice.post(f"{API}/videos/{sent.id}/complete", json={"parts": sent.part_md5s}),
        )
    assert_retry_later(created, "storage_unavailable")
    assert_retry_later(ready, "storage_unavailable")
    assert (listed.status_code, signed.status_code, deleted.status_code) == (200, 200, 204)
    # A completion may also be answered 202.
    assert completed.status_code in (202, 503)
    store_proxy.heal()

    async def works() -> bool:
        answers = await asyncio.gather(
            alice.get(f"{API}/health/ready"),
            alice.post(f"{API}/videos", json=MP4),
            alice.post(f"{API}/videos/{sent.id}/complete", json={"parts": sent.part_md5s}),
        )
        return all(is_accepted(answer) for answer in answers)

    await until_healthy(works)
    await application.tasks.drain(TIMEOUT_SECONDS)
    assert (
        await violations(application.database, s3_storage, application.settings, application.clock.now())
        == []
    )


async def test_hanging_store_answers_all_and_leaks_nothing(
    application: Application, s3_storage: S3Storage, signed_in: SignedIn, store_proxy: TcpFaultProxy
) -> None:
    alice = await signed_in()
    assert (await alice.post(f"{API}/videos", json=MP4)).status_code == 201
    tasks, most = (
        len(asyncio.all_tasks()),
        application.settings.storage_threads + application.settings.storage_queue,
    )

    store_proxy.hang()
    for _ in range(2):  # the second crowd finds the first one's calls still in the threads
        async with asyncio.timeout(TIMEOUT_SECONDS):
            crowd = [asyncio.create_task(alice.post(f"{API}/videos", json=MP4)) for _ in range(CROWD)]
            while not all(task.done() for task in crowd):
                # Abandoned calls count too until a thread is free.
                assert s3_storage._lane.pool._work_queue.qsize() <= most
                await asyncio.sleep(0.05)
        for task in crowd:
            assert task.result().status_code == 503, task.result().text
            # On PostgreSQL two hundred creates of one user also wait for their own row, and for a connection.
            assert task.result().json()["code"] in (
                "storage_unavailable",
                "overloaded",
                "database_unavailable",
            )
            assert int(task.result().headers["retry-after"]) > 0
        assert len(s3_storage._lane.pool._threads) <= application.settings.storage_threads
    store_proxy.heal()

    async def works() -> bool:
        return is_accepted(await alice.post(f"{API}/videos", json=MP4))

    async def left_behind_nothing() -> bool:
        return s3_storage._lane.slots._value == most and len(asyncio.all_tasks()) <= tasks

    await until_healthy(works)
    await until_healthy(left_behind_nothing)
    # Nothing of the crowd has an upload. A row that a crowded database could not take back expires.
    async with application.database.reading() as session:
        rows = list(await session.scalars(select(Video)))
    assert len([row for row in rows if row.upload_id]) == 2
    assert len(rows) == 2 or not application.database.is_sqlite
    assert (
        await violations(application.database, s3_storage, application.settings, application.clock.now())
        == []
    )
