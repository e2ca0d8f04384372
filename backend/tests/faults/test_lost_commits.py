"""The answer to a COMMIT is lost. The request gets 503, and its repeat has no second effect."""

import uuid
from collections.abc import Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from app.bootstrap import Application
from app.main import create_app
from app.services import completion
from tests.api.shapes import API, assert_retry_later
from tests.conftest import SignedIn
from tests.crash.invariants import violations
from tests.engines.tcp_fault_proxy import TcpFaultProxy
from tests.factories import (
    SMALL_VIDEO,
    ApiClient,
    announce,
    count_videos,
    reserved_bytes,
    run_due_probes,
    send_parts,
)
from tests.fakes import FakeClock, FakeProbe, InMemoryStorage

COMMIT = b"COMMIT"


@pytest.fixture
def app(application: Application) -> FastAPI:
    """Without background loops, so that every COMMIT is the request's own."""
    return create_app(application)


async def repeated(request: Callable[[], Awaitable[httpx.Response]], clock: FakeClock) -> httpx.Response:
    """Repeat like a client on 503 or 202. Leases of the lost attempt end meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        # A complete waits for the lease of the lost one, during which the clock stands still here.
        patch.setattr(completion, "WAIT_SECONDS", 0.5)
        for _ in range(5):
            answer = await request()
            if answer.status_code in (200, 201, 204, 404):
                return answer
            if answer.status_code == 503:
                assert_retry_later(answer, "database_unavailable")
            else:
                assert answer.status_code == 202, answer.text
            clock.advance(seconds=31)
    raise AssertionError("never done")


async def one_ready_video(
    application: Application, storage: InMemoryStorage, probe: FakeProbe, alice: ApiClient
) -> None:
    assert await run_due_probes(application) == 1
    assert len(probe.calls) == 1
    assert await count_videos(application) == 1
    assert len(storage.objects) == 1
    assert await reserved_bytes(application, alice.user) == len(SMALL_VIDEO)
    assert (
        await violations(application.database, storage, application.settings, application.clock.now()) == []
    )


@pytest.mark.parametrize("spared", range(4))
async def test_repeated_create_makes_one_video(
    application: Application,
    storage: InMemoryStorage,
    probe: FakeProbe,
    clock: FakeClock,
    signed_in: SignedIn,
    database_proxy: TcpFaultProxy,
    spared: int,
) -> None:
    alice = await signed_in()
    body = {"filename": "a.mp4", "size_bytes": len(SMALL_VIDEO), "content_type": "video/mp4"}
    headers = {"Idempotency-Key": str(uuid.uuid4())}

    database_proxy.lose_answer_to(COMMIT, after=spared)
    first = await alice.post(f"{API}/videos", json=body, headers=headers)
    # Reads commit too, those of the session, the row and the upload ID.
    assert database_proxy.lost_answers == (1 if spared < 3 else 0)
    assert first.status_code == (503 if spared < 3 else 201)
    database_proxy.heal()
    answer = await repeated(lambda: alice.post(f"{API}/videos", json=body, headers=headers), clock)

    created = answer.json()
    url = created["upload"]["parts"][0]["url"]
    assert storage.put_part(url, SMALL_VIDEO, {}) == 200
    done = await alice.post(f"{API}/videos/{created['video']['id']}/complete", json={"parts": []})
    assert done.status_code == 200
    await one_ready_video(application, storage, probe, alice)


@pytest.mark.parametrize("spared", range(4))
async def test_repeated_complete_makes_one_object_and_one_job(
    application: Application,
    storage: InMemoryStorage,
    probe: FakeProbe,
    clock: FakeClock,
    signed_in: SignedIn,
    database_proxy: TcpFaultProxy,
    spared: int,
) -> None:
    alice = await signed_in()
    announced = await announce(alice)
    await send_parts(alice, storage, announced)
    path = f"{API}/videos/{announced.id}/complete"

    database_proxy.lose_answer_to(COMMIT, after=spared)
    first = await alice.post(path, json={"parts": announced.part_md5s})
    assert database_proxy.lost_answers == (1 if spared < 3 else 0)
    assert first.status_code == (503 if spared < 3 else 200)
    database_proxy.heal()
    answer = await repeated(lambda: alice.post(path, json={"parts": announced.part_md5s}), clock)

    assert (answer.status_code, answer.json()["status"]) == (200, "processing")
    await one_ready_video(application, storage, probe, alice)


@pytest.mark.parametrize("spared", range(2))
async def test_repeated_delete_deletes_once(
    application: Application,
    storage: InMemoryStorage,
    clock: FakeClock,
    signed_in: SignedIn,
    database_proxy: TcpFaultProxy,
    spared: int,
) -> None:
    alice = await signed_in()
    announced = await announce(alice)

    database_proxy.lose_answer_to(COMMIT, after=spared)
    assert_retry_later(await alice.delete(f"{API}/videos/{announced.id}"), "database_unavailable")
    database_proxy.heal()
    answer = await repeated(lambda: alice.delete(f"{API}/videos/{announced.id}"), clock)

    assert answer.status_code == (204 if spared == 0 else 404)
    assert (await alice.get(f"{API}/videos/{announced.id}")).status_code == 404
    for _ in range(2):  # confirmed twice, RECHECK_AFTER apart
        clock.advance(minutes=10)
        await application.reconciler.reconcile_due()
    assert (await count_videos(application), await reserved_bytes(application, alice.user)) == (0, 0)
    assert (
        await violations(application.database, storage, application.settings, application.clock.now()) == []
    )
