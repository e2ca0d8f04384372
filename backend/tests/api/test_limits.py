"""Limits on requests of a user and of an address."""

import json
import re
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack, closing
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from limits import parse
from prometheus_client import REGISTRY

from app.core.audit_events import AuditEvent
from app.core.config import Settings
from app.domain.limits import Limit
from app.main import create_app
from tests.api.shapes import API, MP4, assert_error, with_settings
from tests.conftest import SignedIn
from tests.databases import PostgresDatabases, SqliteDatabases
from tests.engines.redis import RedisServer
from tests.factories import APP_URL, PASSWORD, insert_session, insert_user, make_application, make_settings
from tests.fakes import FakeClock, FakeProbe, InMemoryStorage
from tests.waiting import TIMEOUT_SECONDS

TELEMETRY: Mapping[str, Any] = {
    "outcome": "done",
    "phase": "sending",
    "size_bytes": 1,
    "bytes_sent": 1,
}

OPERATIONS = {
    Limit.CREATE_PER_USER: ("POST", "/videos", MP4),
    Limit.SIGN_PER_USER: ("POST", f"/videos/{uuid.uuid4()}/parts", {"part_numbers": [1]}),
    Limit.COMPLETE_PER_USER: ("POST", f"/videos/{uuid.uuid4()}/complete", {"parts": []}),
    Limit.READ_PER_USER: ("GET", "/videos", None),
    Limit.DELETE_PER_USER: ("DELETE", f"/videos/{uuid.uuid4()}", None),
    Limit.REPORT_PER_USER: ("POST", "/upload-telemetry", TELEMETRY),
    Limit.ACCOUNT_PER_USER: ("GET", "/auth/me", None),
}
THREE_A_MINUTE = {f"limit_{limit}": "3/minute" for limit in OPERATIONS}


def assert_limited(answer: httpx.Response, seconds: int) -> None:
    body = assert_error(answer, 429, "rate_limited")
    assert answer.headers["retry-after"] == str(seconds)
    assert f"Try again in {seconds} seconds." in body["detail"]


@pytest.mark.parametrize("limit", OPERATIONS)
@with_settings(**THREE_A_MINUTE)
async def test_user_is_refused_over_the_limit_until_the_window_ends(
    limit: Limit, signed_in: SignedIn, clock: FakeClock
) -> None:
    method, path, body = OPERATIONS[limit]
    alice, bob = await signed_in(), await signed_in()

    async def status(client: httpx.AsyncClient) -> int:
        return (await client.request(method, API + path, json=body)).status_code

    assert 429 not in [await status(alice) for _ in range(3)]
    clock.advance(seconds=15)
    assert_limited(await alice.request(method, API + path, json=body), 45)
    assert await status(bob) != 429
    clock.advance(seconds=45)
    assert await status(alice) != 429


@with_settings(**THREE_A_MINUTE)
async def test_one_video_and_the_list_count_together(signed_in: SignedIn) -> None:
    alice = await signed_in()
    for _ in range(3):
        await alice.get(f"{API}/videos")

    assert_limited(await alice.get(f"{API}/videos/{uuid.uuid4()}"), 60)


@with_settings(**THREE_A_MINUTE)
async def test_sessions_of_a_user_count_together(signed_in: SignedIn) -> None:
    alice = await signed_in()
    again = await signed_in(alice.user, how="bearer")
    for client in (alice, again, alice):
        await client.get(f"{API}/videos")

    assert_limited(await again.get(f"{API}/videos"), 60)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/auth/me", None),
        ("GET", "/auth/session", None),
        ("PATCH", "/auth/me", {"full_name": "Alice"}),
        ("GET", "/auth/sessions", None),
        ("POST", "/auth/password", {"current_password": PASSWORD, "new_password": PASSWORD}),
        ("POST", f"/auth/sessions/{uuid.uuid4()}/end", {"password": PASSWORD}),
        ("POST", "/auth/sessions/end-others", {"password": PASSWORD}),
        ("POST", "/auth/me/delete", {"password": PASSWORD}),
    ],
)
@with_settings(limit_account_per_user="1/minute")
async def test_requests_about_the_account_count_together_and_signing_out_never(
    signed_in: SignedIn, method: str, path: str, body: Mapping[str, str] | None
) -> None:
    alice = await signed_in()
    await alice.get(f"{API}/auth/me")

    assert_limited(await alice.request(method, API + path, json=body), 60)
    assert (await alice.post(f"{API}/auth/logout")).status_code == 204


@with_settings(limit_read_per_user="1/minute")
async def test_a_window_is_recorded_once_and_each_refusal_counted(
    signed_in: SignedIn, clock: FakeClock, log: StringIO
) -> None:
    def refused() -> float:
        return (
            REGISTRY.get_sample_value("slipway_limit_hits_total", {"limit": Limit.READ_PER_USER.value}) or 0
        )

    before = refused()
    alice = await signed_in()
    for _ in range(2):
        for _ in range(4):
            await alice.get(f"{API}/videos")
        clock.advance(seconds=60)

    lines = [line for line in map(json.loads, log.getvalue().splitlines()) if line.get("audit")]
    assert [(line["event"], line["limit"], line["user_id"]) for line in lines] == [
        (AuditEvent.LIMIT_HIT, "read_per_user", str(alice.user.id))
    ] * 2
    assert refused() - before == 6


def connect(app: FastAPI, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 1234))
    return httpx.AsyncClient(transport=transport, base_url=APP_URL)


@with_settings(limit_register_per_address="2/minute")
async def test_registrations_count_for_each_address_and_each_ipv6_network(app: FastAPI) -> None:
    async def register(address: str) -> int:
        body = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
        async with connect(app, address) as client:
            return (await client.post(f"{API}/auth/register", json=body)).status_code

    assert [await register("203.0.113.7") for _ in range(3)] == [201, 201, 429]
    assert await register("203.0.113.8") == 201
    assert [await register(f"2001:db8::{number}") for number in range(1, 4)] == [201, 201, 429]
    assert await register("2001:db8:0:1::1") == 201


@with_settings(limit_register_per_address="2/minute")
async def test_a_taken_address_counts_too(app: FastAPI) -> None:
    async with connect(app, "203.0.113.7") as client:
        body = {"email": "taken@example.com", "password": PASSWORD}
        statuses = [(await client.post(f"{API}/auth/register", json=body)).status_code for _ in range(3)]

    assert statuses == [201, 409, 429]


@pytest.mark.parametrize(
    ("database", "limits", "shared"),
    [
        ("postgresql", "", True),
        ("postgresql", "memory://", False),
        ("postgresql", "redis", True),
        ("sqlite", "", False),
        ("sqlite", "redis", True),
    ],
)
async def test_processes_share_a_limit(
    postgres: PostgresDatabases,
    tmp_path: Path,
    clock: FakeClock,
    encoded_password: str,
    database: str,
    limits: str,
    shared: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A process that gives Redis up because the machine is slow counts alone.
    monkeypatch.setattr("app.adapters.redis_counters._REDIS_SECONDS", TIMEOUT_SECONDS)
    async with AsyncExitStack() as stack:
        databases = postgres if database == "postgresql" else stack.enter_context(closing(SqliteDatabases()))
        if limits == "redis":
            limits = stack.enter_context(RedisServer()).url
        url = databases.new()
        stack.callback(databases.discard, url)
        settings = make_settings(url, tmp_path, limits_url=limits, limit_read_per_user="3/minute")
        applications = []
        for _ in range(2):
            made = make_application(settings, clock, InMemoryStorage(clock), FakeProbe())
            stack.push_async_callback(made.close)
            applications.append(made)
        user = await insert_user(applications[0], encoded_password)
        token = await insert_session(applications[0], user, "bearer")
        statuses = []
        for application in applications * 2:
            async with connect(create_app(application), "203.0.113.7") as client:
                answer = await client.get(f"{API}/videos", headers={"Authorization": f"Bearer {token}"})
                statuses.append(answer.status_code)

    assert statuses == [200, 200, 200, 429 if shared else 200]


def test_default_limits_are_above_the_requests_of_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ \| ([\d, a-z]+) \| ([\d, ]+) \|$", page, re.MULTILINE)
    limits = Settings(_env_file=None).limits
    listed = [
        (int(asked.replace(",", "")), kind.removesuffix("s"), int(limit))
        for requests, allowed in rows
        for (asked, kind), limit in zip(
            re.findall(r"([\d,]+) ([a-z]+)", requests), allowed.split(", "), strict=True
        )
    ]

    names = {"signature": Limit.SIGN_PER_USER, "create": Limit.CREATE_PER_USER}
    names |= {"complete": Limit.COMPLETE_PER_USER, "read": Limit.READ_PER_USER}
    assert {kind for _, kind, _ in listed} == set(names)
    for asked, kind, limit in listed:
        assert limits[names[kind]] == parse(f"{limit}/minute")
        assert 2 * asked < limit
    assert set(limits) == set(Limit)


@with_settings(limit_read_per_user="2/minute")
async def test_a_clock_that_is_set_back_prolongs_no_window(signed_in: SignedIn, clock: FakeClock) -> None:
    alice = await signed_in()
    for _ in range(2):
        assert (await alice.get(f"{API}/videos")).status_code == 200
    assert (await alice.get(f"{API}/videos")).status_code == 429
    clock.advance(minutes=-60)

    assert [(await alice.get(f"{API}/videos")).status_code for _ in range(3)] == [200, 200, 429]
