"""Test the page's own forms, which work before its script has loaded and without JavaScript."""

import re
from contextlib import AbstractAsyncContextManager
from io import StringIO
from pathlib import Path

import httpx
import pytest

from app.api.routes.forms import EXPLAINED
from app.core.config import Settings
from tests.api.shapes import API, assert_error
from tests.api.test_csrf import NOT_OURS, OURS
from tests.factories import APP_URL, PASSWORD, make_settings

HOME = Path(__file__).parents[3]
SIGN_IN = {"email": "user@example.com", "password": PASSWORD}
REGISTER = {"email": "new@example.com", "password": "a ship leaves the slipway", "full_name": ""}


@pytest.fixture
def settings(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Settings:
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("index", "login", "register"):
        (folder / f"{name}.html").write_text(f"<p>{name}</p>")
    return make_settings(database_url, tmp_path, page_dir=folder, **getattr(request, "param", {}))


@pytest.fixture
def form(client: httpx.AsyncClient) -> httpx.AsyncClient:
    client.headers["Origin"] = APP_URL
    return client


async def is_signed_in(client: httpx.AsyncClient) -> bool:
    return (await client.get(f"{API}/auth/me")).status_code == 200


def assert_refused(answer: httpx.Response, code: str, query: str = "") -> None:
    assert (answer.status_code, answer.headers["location"]) == (303, f"?{query}#{code}")
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.usefixtures("user")
async def test_signs_in_and_goes_on(form: httpx.AsyncClient) -> None:
    answer = await form.post("/login", data=SIGN_IN)

    assert (answer.status_code, answer.headers["location"]) == (303, "/#")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]
    assert answer.headers["cache-control"] == "no-store"
    assert await is_signed_in(form)


async def test_registers_and_signs_in(form: httpx.AsyncClient) -> None:
    answer = await form.post("/register?next=/account", data=REGISTER)

    assert (answer.status_code, answer.headers["location"]) == (303, "/account#")
    me = (await form.get(f"{API}/auth/me")).json()
    assert (me["email"], me["full_name"]) == ("new@example.com", None)


@pytest.mark.usefixtures("user")
async def test_session_before_is_ended(form: httpx.AsyncClient) -> None:
    await form.post("/login", data=SIGN_IN)
    before = "; ".join(f"{name}={value}" for name, value in form.cookies.items())
    await form.post("/login", data=SIGN_IN)
    form.cookies.clear()
    assert (await form.get(f"{API}/auth/me", headers={"Cookie": before})).status_code == 401


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("/", "/"),
        ("/account", "/account"),
        ("/video?id=2cf6a5ea-8b1d-4f32-9b6e-1b8ee8a0e6f0", "/video?id=2cf6a5ea-8b1d-4f32-9b6e-1b8ee8a0e6f0"),
        *(
            (foreign, "/")
            for foreign in (
                "",
                "https://evil.example",
                "//evil.example",
                "///evil.example",
                "/\\evil.example",
                "\\\\evil.example",
                "/\t/evil.example",
                "/\n/evil.example",
                "\t//evil.example",
                "/.//evil.example",
                "/..//evil.example",
                "/x//evil.example",
                "/%2f/evil.example",
                "/@evil.example",
                "evil.example",
                "javascript:alert(1)",
                "/video?id=1\r\nSet-Cookie: a=b",
                "/video?id=1#x",
                "/video\x00",
                "/vidéo",
                "/api/v1/auth/me",
                "/login",
                "/register?next=/",
                "?next=/",
            )
        ),
    ],
)
@pytest.mark.usefixtures("user")
async def test_goes_to_own_pages_only(form: httpx.AsyncClient, wanted: str, path: str) -> None:
    answer = await form.post("/login", params={"next": wanted}, data=SIGN_IN)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}#")


@pytest.mark.usefixtures("user")
async def test_refusals_name_the_sentence_to_show(subtests: pytest.Subtests, form: httpx.AsyncClient) -> None:
    for path, data, code in (
        ("/login", {**SIGN_IN, "password": "wrong"}, "invalid_credentials"),
        ("/login", {"email": "user@example.com"}, "validation_error"),
        ("/login", {**SIGN_IN, "admin": "1"}, "validation_error"),
        ("/login", {}, "validation_error"),
        ("/register", {**REGISTER, "email": "x"}, "validation_error"),
        ("/register", {**REGISTER, "email": "user@example.com"}, "email_taken"),
        ("/register", {**REGISTER, "password": "short"}, "password_too_weak"),
    ):
        with subtests.test(f"{path} {code}"):
            assert_refused(await form.post(path, data=data), code)
    assert not await is_signed_in(form)


@pytest.mark.usefixtures("user")
async def test_refusal_keeps_the_query_and_nothing_else(form: httpx.AsyncClient) -> None:
    wrong = {**SIGN_IN, "password": "the secret that I mistyped"}
    answer = await form.post("/login?next=%2Fvideo%3Fid%3D1", data=wrong)
    assert_refused(answer, "invalid_credentials", "next=%2Fvideo%3Fid%3D1")
    assert b"secret" not in answer.content


@pytest.mark.usefixtures("user")
async def test_takes_json_and_files_for_no_form(form: httpx.AsyncClient) -> None:
    assert_refused(await form.post("/login", json=SIGN_IN), "validation_error")
    file = {"password": ("a.txt", PASSWORD.encode())}
    assert_refused(
        await form.post("/login", data={"email": "user@example.com"}, files=file), "validation_error"
    )
    assert_error(await form.post("/login", data={**SIGN_IN, "password": "x" * 70_000}), 413, "body_too_large")


@pytest.mark.usefixtures("user")
async def test_only_the_own_page_may_send_the_form(
    subtests: pytest.Subtests, client: httpx.AsyncClient
) -> None:
    """Otherwise another site could sign a person in to the account of an attacker."""
    for headers in NOT_OURS:
        for path, data in (("/login", SIGN_IN), ("/register", REGISTER)):
            with subtests.test(f"{path} {headers}"):
                assert_refused(await client.post(path, data=data, headers=headers), "csrf_rejected")
    for headers in OURS:
        with subtests.test(str(headers)):
            answer = await client.post("/login", data=SIGN_IN, headers=headers)
            assert answer.headers["location"] == "/#"


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("settings", [{"limit_sign_in_per_address": "3/hour"}], indirect=True)
async def test_form_and_api_count_wrong_passwords_together(form: httpx.AsyncClient, log: StringIO) -> None:
    wrong = {**SIGN_IN, "password": "wrong"}
    for _ in range(2):
        assert_refused(await form.post("/login", data=wrong), "invalid_credentials")
    assert (await form.post(f"{API}/auth/login", json=wrong)).status_code == 401
    assert_refused(await form.post("/login", data=wrong), "rate_limited")
    assert "request.limit_hit" in log.getvalue()


@pytest.mark.parametrize("settings", [{"limit_register_per_address": "1/hour"}], indirect=True)
async def test_registrations_are_counted(form: httpx.AsyncClient) -> None:
    await form.post("/register", data=REGISTER)
    assert_refused(await form.post("/register", data={**REGISTER, "email": "b@example.com"}), "rate_limited")


@pytest.mark.parametrize("settings", [{"public_path": "/apps/video"}], indirect=True)
@pytest.mark.usefixtures("user")
async def test_works_below_the_public_path(subtests: pytest.Subtests, form: httpx.AsyncClient) -> None:
    for path in ("/apps/video/login", "/login"):
        with subtests.test(path):
            answer = await form.post(f"{path}?next=/account", data=SIGN_IN)
            assert answer.headers["location"] == "/apps/video/account#"
            assert_refused(await form.post(path, data={}), "validation_error")


async def test_database_that_is_down_is_no_blank_page(
    form: httpx.AsyncClient, no_database: AbstractAsyncContextManager[None]
) -> None:
    async with no_database:
        assert_refused(await form.post("/login", data=SIGN_IN), "database_unavailable")


async def test_addresses_of_the_forms_still_serve_the_page(client: httpx.AsyncClient) -> None:
    for path in ("/login", "/register"):
        page = await client.get(path)
        assert page.text == f"<p>{path[1:]}</p>"
        # With `no-referrer` browsers send the form with `Origin: null`.
        assert page.headers["referrer-policy"] == "same-origin"
        answer = await client.put(path)
        assert_error(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "GET, POST"
    assert (await client.get("/")).headers["referrer-policy"] == "no-referrer"


def test_page_knows_the_reason_of_each_refusal() -> None:
    source = (HOME / "frontend/src/components/auth/posted-refusals.tsx").read_text()
    assert set(re.findall(r'^  "(\w+)",$', source, re.MULTILINE)) == EXPLAINED
