"""Test that unsafe methods with the session cookie require the Origin of our page."""

from typing import Any

import httpx
import pytest

from app.bootstrap import Application
from app.models import User
from tests.api.declared import operations
from tests.api.shapes import API, MP4, assert_error, random_path, with_settings
from tests.conftest import MakeVideo, SignedIn
from tests.factories import APP_URL, PASSWORD, ApiClient, count_videos, read_video

ME = f"{API}/auth/me"

OURS: list[dict[str, str]] = [
    {"Origin": "http://127.0.0.1:8000"},
    {"Origin": "http://localhost:8000"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Origin": APP_URL, "Sec-Fetch-Site": "same-origin"},
    {"Origin": APP_URL, "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://reached.example", "Sec-Fetch-Site": "same-origin"},
]
NOT_OURS: list[dict[str, str]] = [
    {},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "https://evil.example"},
    {"Origin": "https://127.0.0.1:8000"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:8001"},
    {"Origin": "http://localhost:3000"},
    {"Origin": "http://127.0.0.1:8000.evil.example"},
    {"Origin": "http://127.0.0.1:8000/"},
    {"Origin": "http://evil.example#http://127.0.0.1:8000"},
    {"Origin": "http://127.0.0.1:8000, https://evil.example"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "SAME-ORIGIN"},
    {"Referer": APP_URL},
    {"Host": "127.0.0.1:8000"},
    {"X-Requested-With": "XMLHttpRequest"},
    {"X-Forwarded-Host": "evil.example"},
]
BODIES: dict[str, Any] = {
    "/auth/me": {"full_name": "Mallory"},
    "/auth/me/delete": {"password": PASSWORD},
    "/auth/password": {"current_password": PASSWORD, "new_password": "another quiet harbour"},
    "/videos": dict(MP4),
    "/videos/{video_id}/parts": {"part_numbers": [1]},
    "/videos/{video_id}/complete": {"parts": []},
}


def bare(client: ApiClient) -> ApiClient:
    """Return a client with the session cookie but no Origin header."""
    del client.headers["Origin"]
    return client


async def test_cookie_requires_own_origin(subtests: pytest.Subtests, signed_in: SignedIn) -> None:
    alice = bare(await signed_in())
    for headers in NOT_OURS:
        with subtests.test(str(headers)):
            answer = await alice.patch(ME, json={"full_name": "Mallory"}, headers=headers)
            assert_error(answer, 403, "csrf_rejected")
    assert (await alice.get(ME)).json()["full_name"] is None
    for number, headers in enumerate(OURS):
        with subtests.test(str(headers)):
            answer = await alice.patch(ME, json={"full_name": f"Alice {number}"}, headers=headers)
            assert answer.status_code == 200
            assert answer.json()["full_name"] == f"Alice {number}"


async def test_unsafe_routes_refuse_foreign_origin(
    subtests: pytest.Subtests,
    application: Application,
    signed_in: SignedIn,
    user: User,
    make_video: MakeVideo,
) -> None:
    video = await make_video("uploading", parts_sent=[1])
    alice = bare(await signed_in(user))
    before = (await read_video(application, video.id)).model_dump()
    public = {"/auth/register", "/auth/login", "/auth/token"}
    for method, path, _ in operations():
        short = path.removeprefix(API)
        if method == "GET" or short in public:
            continue
        with subtests.test(f"{method} {short}"):
            real = random_path(path.replace("{video_id}", str(video.id)))
            body = BODIES.get(short) if method in ("POST", "PATCH") else None
            for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
                answer = await alice.request(method, real, json=body, headers=headers)
                assert_error(answer, 403, "csrf_rejected")
    assert (await read_video(application, video.id)).model_dump() == before
    assert await count_videos(application) == 1
    assert (await alice.get(ME)).status_code == 200, "the session ended"


async def test_safe_methods_need_no_origin(subtests: pytest.Subtests, signed_in: SignedIn) -> None:
    """A link on another site may open the page. Without CORS that site cannot read the response."""
    alice = bare(await signed_in())
    for headers in [*OURS, *NOT_OURS]:
        with subtests.test(str(headers)):
            for path in (ME, f"{API}/videos", f"{API}/auth/sessions"):
                answer = await alice.get(path, headers=headers)
                assert answer.status_code == 200
                assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_bearer_token_needs_no_origin(subtests: pytest.Subtests, signed_in: SignedIn) -> None:
    """A browser does not add a bearer token on its own."""
    program = await signed_in(how="bearer")
    for headers in [*OURS, *NOT_OURS]:
        with subtests.test(str(headers)):
            answer = await program.patch(ME, json={"full_name": "Alice"}, headers=headers)
            assert answer.status_code == 200


async def test_bearer_token_overrides_cookie(signed_in: SignedIn) -> None:
    page, program = bare(await signed_in()), await signed_in(how="bearer")
    answer = await page.patch(
        ME, json={"full_name": "x"}, headers={"Authorization": program.headers["Authorization"]}
    )
    assert answer.status_code == 200
    assert answer.json()["id"] == str(program.user.id)


async def test_request_without_session_needs_no_origin(client: httpx.AsyncClient) -> None:
    assert_error(await client.patch(ME, json={"full_name": "x"}), 401, "not_authenticated")


@pytest.mark.usefixtures("user")
async def test_login_refuses_foreign_origin(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    """Otherwise another site could sign the user in to the account of an attacker."""
    calls: dict[str, dict[str, Any]] = {
        "login": {"json": {"email": "user@example.com", "password": PASSWORD}},
        "token": {"data": {"username": "user@example.com", "password": PASSWORD}},
        "register": {"json": {"email": "new@example.com", "password": PASSWORD}},
    }
    foreign = [headers for headers in NOT_OURS if "Origin" in headers]
    for name, body in calls.items():
        with subtests.test(name):
            for headers in foreign:
                answer = await client.post(f"{API}/auth/{name}", **body, headers=headers)
                assert_error(answer, 403, "csrf_rejected")
                assert "set-cookie" not in answer.headers
            answer = await client.post(f"{API}/auth/{name}", **body, headers={"Origin": APP_URL})
            assert answer.status_code in (200, 201)


async def test_refuses_form_with_own_origin(application: Application, signed_in: SignedIn) -> None:
    alice = await signed_in()
    answer = await alice.post(
        f"{API}/videos", content=b'{"filename":"a.mp4"}', headers={"Content-Type": "text/plain"}
    )
    assert_error(answer, 422, "validation_error")
    assert await count_videos(application) == 0


async def test_allows_no_cors_origin(client: httpx.AsyncClient) -> None:
    for origin in (APP_URL, "https://evil.example", "null"):
        preflight = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        }
        answer = await client.options(f"{API}/videos", headers=preflight)
        assert_error(answer, 405, "method_not_allowed")
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.usefixtures("user")
@with_settings(app_origins=["https://video.example", "https://www.video.example"])
async def test_allowed_origins_are_configurable(client: httpx.AsyncClient) -> None:
    login = {"email": "user@example.com", "password": PASSWORD}
    answer = await client.post(f"{API}/auth/login", json=login, headers={"Origin": "https://video.example"})
    cookie = answer.headers["set-cookie"].partition(";")[0]
    for status, origin in (
        (200, "https://video.example"),
        (200, "https://www.video.example"),
        (403, "http://video.example"),
        (403, "http://127.0.0.1:8000"),
        (403, "https://evil.video.example"),
    ):
        headers = {"Origin": origin, "Cookie": cookie}
        answer = await client.patch(ME, json={"full_name": "Alice"}, headers=headers)
        assert answer.status_code == status, origin


LOCAL_ADDRESSES = (
    "127.0.0.1:8000",
    "127.0.0.2:8080",
    "localhost",
    "localhost:8080",
    "video.localhost:8000",
    "192.168.1.5:8000",
    "0.0.0.0:8000",
    "[::1]:8000",
    "[fd00::2]:8000",
    "nas:8000",
    "nas.local:8000",
    "nas.home.arpa",
    "nas.internal:8000",
    "this-machine.example:8000",
)
FOREIGN_ADDRESSES = (
    "evil.example:8000",
    "127.0.0.1.evil.example:8000",
    "localhost.evil.example",
    "nas.lan:8000",
    "evil.local.example:8000",
    "127.0.0.1:8000@evil.example",
    "evil.example#.local",
    "evil.example/.local",
    "",
)


@pytest.fixture
def _machine_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "This-Machine.example")


@pytest.mark.usefixtures("_machine_name")
async def test_page_at_a_local_address_is_ours(subtests: pytest.Subtests, signed_in: SignedIn) -> None:
    alice = bare(await signed_in())
    for address in LOCAL_ADDRESSES:
        with subtests.test(address):
            headers = {"Host": address, "Origin": f"http://{address}"}
            answer = await alice.patch(ME, json={"full_name": address}, headers=headers)
            assert answer.status_code == 200
        with subtests.test(f"https and http differ at {address}"):
            headers = {"Host": address, "Origin": f"https://{address}"}
            assert_error(
                await alice.patch(ME, json={"full_name": "x"}, headers=headers), 403, "csrf_rejected"
            )
        with subtests.test(f"another page than {address}"):
            headers = {"Host": address, "Origin": "http://192.168.1.66:8000"}
            assert_error(
                await alice.patch(ME, json={"full_name": "x"}, headers=headers), 403, "csrf_rejected"
            )


@pytest.mark.usefixtures("_machine_name")
async def test_page_at_a_public_name_is_not_ours(subtests: pytest.Subtests, signed_in: SignedIn) -> None:
    """With DNS rebinding a foreign page reaches this app, with its own name in Host and Origin."""
    alice = bare(await signed_in())
    for address in FOREIGN_ADDRESSES:
        with subtests.test(address):
            headers = {"Host": address, "Origin": f"http://{address}"}
            answer = await alice.patch(ME, json={"full_name": "Mallory"}, headers=headers)
            body = assert_error(answer, 403, "csrf_rejected")
            assert "APP_ORIGINS" in body["detail"]


@with_settings(app_origins=["http://video.example"])
async def test_with_app_origins_no_other_address_is_ours(signed_in: SignedIn) -> None:
    alice = bare(await signed_in())
    for address in LOCAL_ADDRESSES:
        headers = {"Host": address, "Origin": f"http://{address}"}
        assert_error(await alice.patch(ME, json={"full_name": "x"}, headers=headers), 403, "csrf_rejected")
