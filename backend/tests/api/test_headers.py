"""Test the security and cache headers of every response."""

from contextlib import AbstractAsyncContextManager

import httpx
import pytest

from app.bootstrap import Application
from tests.api.shapes import API, MP4, PRODUCTION, with_settings
from tests.conftest import MakeVideo, SignedIn
from tests.factories import PASSWORD
from tests.fakes import InMemoryStorage

SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


def assert_safe(answer: httpx.Response) -> None:
    found = {name: answer.headers.get(name) for name in SAFE}
    assert found == SAFE, f"{answer.request.method} {answer.request.url} {answer.status_code}"
    assert answer.headers["x-request-id"]
    assert "server" not in answer.headers
    assert "x-powered-by" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    for name in answer.headers:
        assert len(answer.headers.get_list(name)) == 1, f"{name} is repeated"
    if answer.content:
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.usefixtures("log")
async def test_all_responses_have_safe_headers(
    application: Application,
    client: httpx.AsyncClient,
    signed_in: SignedIn,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    no_database: AbstractAsyncContextManager[None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alice = await signed_in()
    video = await make_video("ready", owner=alice.user)
    answers = [
        await alice.get(f"{API}/auth/me"),
        await alice.get(f"{API}/videos"),
        await alice.get(f"{API}/videos/{video.id}"),
        await alice.post(f"{API}/videos", json=MP4),
        await alice.post(f"{API}/videos/{video.id}/parts", json={"part_numbers": [1]}),
        await alice.delete(f"{API}/videos/{video.id}"),
        await alice.get(f"{API}/videos/{video.id}"),
        await alice.post(f"{API}/videos", content=b"{", headers={"Content-Type": "application/json"}),
        await alice.post(f"{API}/videos", json={}),
        await alice.post(f"{API}/videos", content=b" " * 70_000),
        await alice.post(f"{API}/videos", json=MP4, headers={"Origin": "https://evil.example"}),
        await alice.put(f"{API}/videos"),
        await client.get(f"{API}/auth/me"),
        await client.get(f"{API}/nothing"),
        await client.get(f"{API}/upload-policy"),
        await client.get(f"{API}/health/live"),
        await client.post(f"{API}/auth/register", json={"email": "new@example.com", "password": PASSWORD}),
    ]
    storage.fail_next("check")
    answers.append(await client.get(f"{API}/health/ready"))
    async with no_database:
        answers.append(await alice.get(f"{API}/videos"))

    async def break_down(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(application.videos, "list_page", break_down)
    answers.append(await alice.get(f"{API}/videos"))

    for answer in answers:
        assert_safe(answer)
    assert {answer.status_code for answer in answers} == {
        200, 201, 204, 400, 401, 403, 404, 405, 409, 413, 422, 500, 503
    }  # fmt: skip


async def test_answers_outside_the_api_have_safe_headers(client: httpx.AsyncClient) -> None:
    metrics = await client.get("/metrics")
    assert metrics.status_code == 200
    assert SAFE.items() <= dict(metrics.headers).items()
    for method, path, status in (("GET", "/nothing", 404), ("POST", "/metrics", 405)):
        answer = await client.request(method, path)
        assert answer.status_code == status
        assert_safe(answer)


HSTS = "max-age=31536000; includeSubDomains"


@with_settings(**PRODUCTION)
async def test_production_demands_https_of_browsers(client: httpx.AsyncClient) -> None:
    for path in (f"{API}/upload-policy", f"{API}/nothing", "/metrics", "/nothing"):
        assert (await client.get(path)).headers["strict-transport-security"] == HSTS, path


@with_settings(app_origins=["https://video.example"])
async def test_https_origins_demand_https_of_browsers(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{API}/upload-policy")).headers["strict-transport-security"] == HSTS


@with_settings(app_origins=["https://video.example", "http://127.0.0.1:8000"])
async def test_plain_origin_demands_nothing(client: httpx.AsyncClient) -> None:
    assert "strict-transport-security" not in (await client.get(f"{API}/upload-policy")).headers


@with_settings(slipway_host="0.0.0.0")  # noqa: S104  # a setting, not bound
async def test_hides_api_docs_beyond_this_machine(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{API}/openapi.json")).status_code == 404


async def test_serves_api_docs_in_development(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{API}/openapi.json")).status_code == 200


@with_settings(**PRODUCTION)
async def test_production_hides_api_docs(client: httpx.AsyncClient) -> None:
    for path in ("/api/docs", "/docs", "/redoc", "/openapi.json", f"{API}/openapi.json"):
        assert (await client.get(path)).status_code == 404, path


async def test_serves_no_local_files(client: httpx.AsyncClient) -> None:
    for path in ("/.git/HEAD", "/.env", "/data/slipway.db", "/backend/app/main.py", "/etc/passwd"):
        assert (await client.get(path)).status_code == 404, path
