"""Test GET /health/live, /health/ready and /metrics."""

import asyncio
import re
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
from botocore.exceptions import EndpointConnectionError
from fastapi import FastAPI
from structlog.testing import capture_logs

from app.bootstrap import Application
from app.core import version
from app.core.schema import head_revision
from app.domain.errors import Overloaded, StorageUnavailable
from app.ports import NoSuchObject
from tests.api.shapes import API, PRODUCTION, assert_error, assert_retry_later, with_settings
from tests.conftest import MakeVideo, SignedIn
from tests.factories import APP_URL
from tests.fakes import FakeClock, InMemoryStorage

READY = f"{API}/health/ready"
LIVE = f"{API}/health/live"
TOKEN = "a-token-for-metrics"


async def test_reports_live_and_ready(client: httpx.AsyncClient) -> None:
    for path in (LIVE, READY):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        assert answer.headers["x-request-id"]


async def test_live_says_what_runs(client: httpx.AsyncClient) -> None:
    own = version.running()
    assert (await client.get(LIVE)).json() == {
        "status": "ok",
        "version": own.version,
        "commit": own.commit,
        "schema_version": head_revision(),
    }


async def test_answers_head_as_balancers_ask(client: httpx.AsyncClient) -> None:
    for path in (LIVE, READY):
        answer = await client.head(path)
        length = str(len((await client.get(path)).content))
        assert (answer.status_code, answer.headers["content-length"]) == (200, length)


async def test_head_says_that_it_is_not_ready(client: httpx.AsyncClient, storage: InMemoryStorage) -> None:
    storage.fail_next("check")
    assert (await client.head(READY)).status_code == 503


async def test_readiness_names_unreachable_database(
    client: httpx.AsyncClient, no_database: AbstractAsyncContextManager[None], clock: FakeClock
) -> None:
    async with no_database:
        with capture_logs() as told:
            answer = await client.get(READY)
        assert_retry_later(answer, "database_unavailable")
        assert (await client.get(LIVE)).status_code == 200
    (cause,) = [line["cause"] for line in told if line["event"] == "request.unavailable"]
    assert "database" in cause, "as the driver says"
    assert cause not in answer.text
    clock.advance(seconds=1)
    assert (await client.get(READY)).status_code == 200


async def test_readiness_names_unreachable_store(
    client: httpx.AsyncClient, storage: InMemoryStorage, clock: FakeClock
) -> None:
    storage.fail_next("check")
    assert_retry_later(await client.get(READY), "storage_unavailable")
    clock.advance(seconds=1)
    storage.fail_next("check", Overloaded())
    assert_retry_later(await client.get(READY), "overloaded")
    assert (await client.get(LIVE)).status_code == 200
    clock.advance(seconds=1)
    assert (await client.get(READY)).status_code == 200


async def test_readiness_asks_once_a_second_however_many_ask(
    client: httpx.AsyncClient, storage: InMemoryStorage, clock: FakeClock
) -> None:
    gate = storage.hold_next("check")
    crowd = [asyncio.create_task(client.get(READY)) for _ in range(50)]
    await gate.reached()
    gate.release()
    assert {answer.status_code for answer in await asyncio.gather(*crowd)} == {200}
    assert (await client.get(READY)).status_code == 200
    assert storage.count("check") == 1

    clock.advance(seconds=0.9)
    await client.get(READY)
    assert storage.count("check") == 1
    clock.advance(seconds=0.1)
    await client.get(READY)
    assert storage.count("check") == 2


async def test_readiness_is_asked_again_if_the_clock_was_set_back(
    client: httpx.AsyncClient, storage: InMemoryStorage, clock: FakeClock
) -> None:
    storage.fail_next("check")
    assert_retry_later(await client.get(READY), "storage_unavailable")
    clock.advance(minutes=-5)
    assert (await client.get(READY)).status_code == 200


async def test_caller_that_goes_away_does_not_end_the_question_of_others(
    application: Application, storage: InMemoryStorage
) -> None:
    gate = storage.hold_next("check")
    first, second = (asyncio.create_task(application.readiness.check()) for _ in range(2))
    await gate.reached()
    first.cancel()
    gate.release()
    await second
    assert first.cancelled()


async def test_readiness_names_cause_without_address(
    client: httpx.AsyncClient, storage: InMemoryStorage
) -> None:
    away = StorageUnavailable()
    address = "http://10.0.0.7:9000/slipway/key"
    away.__cause__ = EndpointConnectionError(endpoint_url=address, error=ConnectionRefusedError())
    storage.fail_next("check", away)

    with capture_logs() as told:
        answer = await client.get(READY)

    assert answer.json()["detail"] == "The video storage is not answering. The store refused the connection."
    assert [line["cause"] for line in told if line["event"] == "request.unavailable"] == [
        "The store refused the connection."
    ]
    assert "10.0.0.7" not in f"{answer.text}{told}"


async def test_readiness_hides_exception_of_check(
    client: httpx.AsyncClient, storage: InMemoryStorage, log: object
) -> None:
    assert log
    storage.fail_next("check", NoSuchObject("http://10.0.0.7:9000/slipway"))
    answer = await client.get(READY)
    assert_error(answer, 500, "internal_error")
    assert "10.0.0.7" not in answer.text


async def test_api_recovers_after_database_outage(
    signed_in: SignedIn, no_database: AbstractAsyncContextManager[None]
) -> None:
    alice = await signed_in()
    body = {"filename": "a.mp4", "size_bytes": 1, "content_type": "video/mp4"}
    async with no_database:
        for _ in range(3):
            assert_retry_later(await alice.post(f"{API}/videos", json=body), "database_unavailable")
    assert (await alice.post(f"{API}/videos", json=body)).status_code == 201
    assert len((await alice.get(f"{API}/videos")).json()["items"]) == 1


# --- metrics ------------------------------------------------------------------------------------------------------


async def test_serves_metrics_in_development(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_counts_requests_by_route_and_status(
    client: httpx.AsyncClient, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    alice = await signed_in()
    video = await make_video("ready", owner=alice.user)

    async def counted() -> dict[str, float]:
        text = (await client.get("/metrics")).text
        found = re.findall(r"^slipway_http_requests_total\{(.*)\} (\S+)$", text, re.MULTILINE)
        return {labels: float(value) for labels, value in found}

    before = await counted()
    await alice.get(f"{API}/videos/{video.id}")
    await alice.get(f"{API}/nothing/at/{video.id}")
    after = await counted()

    grown = {labels for labels, value in after.items() if value > before.get(labels, 0.0)}
    assert any("{video_id}" in labels and 'status="200"' in labels for labels in grown)
    assert any('route="none"' in labels and 'status="404"' in labels for labels in grown)
    assert not any(str(video.id) in labels for labels in after)


@with_settings(metrics_token=TOKEN)
async def test_metrics_require_configured_token(
    subtests: pytest.Subtests, client: httpx.AsyncClient, signed_in: SignedIn
) -> None:
    session = (await signed_in(how="bearer")).headers["Authorization"]
    for header in (
        None,
        "",
        TOKEN,
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Basic {TOKEN}",
        "Bearer ünïcode",
        session,
    ):
        with subtests.test(str(header)):
            headers = [] if header is None else [(b"Authorization", header.encode())]
            answer = await client.get("/metrics", headers=headers)
            assert_error(answer, 401, "not_authenticated")
            assert "slipway_" not in answer.text
            assert answer.headers["www-authenticate"] == "Bearer"
    answer = await client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert "slipway_http_requests_total" in answer.text


@with_settings(**{**PRODUCTION, "metrics_token": TOKEN})
async def test_production_metrics_require_token(client: httpx.AsyncClient) -> None:
    assert_error(await client.get("/metrics"), 401, "not_authenticated")
    assert (await client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})).status_code == 200


@with_settings(slipway_host="0.0.0.0")  # noqa: S104  # a setting, not bound
async def test_metrics_beyond_this_machine_require_a_token(client: httpx.AsyncClient) -> None:
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}):
        assert_error(await client.get("/metrics", headers=headers), 401, "not_authenticated")


FOR_THIS_MACHINE = ("/metrics", f"{API}/openapi.json")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8000"},
        {"X-Forwarded-For": "203.0.113.5"},
        {"Forwarded": "for=203.0.113.5"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "203.0.113.5"},
        {"X-Forwarded-Proto": "https"},
    ],
)
async def test_metrics_and_openapi_are_only_for_this_machine(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    for path in FOR_THIS_MACHINE:
        assert (await client.get(path)).status_code == 200
        assert (await client.get(path, headers=headers)).status_code in (401, 404)


async def test_metrics_and_openapi_are_for_no_other_address(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app, client=("203.0.113.5", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url=APP_URL) as stranger:
        assert [(await stranger.get(path)).status_code for path in FOR_THIS_MACHINE] == [401, 404]


@pytest.mark.parametrize(
    "settings",
    [{"trusted_proxies": ["127.0.0.1"]}, {"app_origins": ["https://video.example"]}],
    indirect=True,
)
async def test_metrics_and_openapi_are_closed_where_others_open_the_page(client: httpx.AsyncClient) -> None:
    assert [(await client.get(path)).status_code for path in FOR_THIS_MACHINE] == [401, 404]
