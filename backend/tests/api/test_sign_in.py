"""Test POST /auth/login and POST /auth/token."""

import asyncio
import base64
import threading
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
from pwdlib import PasswordHash
from sqlmodel import select

from app.bootstrap import Application
from app.core import security
from app.models import Session
from tests.api.declared import operations
from tests.api.shapes import (
    API,
    PRODUCTION,
    USER_FIELDS,
    assert_error,
    assert_retry_later,
    assert_time,
    random_path,
    with_settings,
    without_request_id,
)
from tests.conftest import MakeUser
from tests.factories import APP_URL, PASSWORD
from tests.fakes import FakeClock

LOGIN = f"{API}/auth/login"
TOKEN = f"{API}/auth/token"
REGISTER = f"{API}/auth/register"
ME = f"{API}/auth/me"
GOOD = {"email": "user@example.com", "password": PASSWORD}


def cookie_of(answer: httpx.Response) -> tuple[str, str, dict[str, Any]]:
    """Return name, value and attributes of the only cookie."""
    (header,) = answer.headers.get_list("set-cookie")
    assert len(header) < 4096
    ((name, morsel),) = SimpleCookie(header).items()
    return name, morsel.value, {key: value for key, value in morsel.items() if value}


class CountingHash(PasswordHash):
    """Count the calls of the wrapped password hash."""

    def __init__(self, inner: PasswordHash) -> None:
        self._inner = inner
        self.count = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.count += 1
        return self._inner.hash(password, salt=salt)

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:
        self.count += 1
        return self._inner.verify(password, hash)


# --- the cookie ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("user")
async def test_http_login_sets_plain_cookie(browser: httpx.AsyncClient) -> None:
    answer = await browser.post(LOGIN, json=GOOD)
    assert answer.status_code == 200
    assert set(answer.json()) == USER_FIELDS
    name, _, attributes = cookie_of(answer)
    assert name == "slipway_session"
    assert attributes == {"httponly": True, "samesite": "lax", "path": "/", "max-age": str(30 * 86400)}


@pytest.mark.usefixtures("user")
@with_settings(app_origins=["https://video.example"])
async def test_https_login_sets_host_cookie(client: httpx.AsyncClient) -> None:
    answer = await client.post(LOGIN, json=GOOD)
    name, value, attributes = cookie_of(answer)
    assert name == "__Host-slipway_session"
    assert attributes["secure"] is True
    assert attributes == {
        "httponly": True,
        "samesite": "lax",
        "path": "/",
        "secure": True,
        "max-age": str(30 * 86400),
    }
    # Only the `__Host-` name is valid. A plain HTTP page could set a cookie of the other name.
    assert (await client.get(ME, headers={"Cookie": f"{name}={value}"})).status_code == 200
    client.cookies.clear()
    answer = await client.get(ME, headers={"Cookie": f"slipway_session={value}"})
    assert_error(answer, 401, "not_authenticated")


@pytest.mark.usefixtures("user")
@with_settings(**PRODUCTION)
async def test_production_login_sets_host_cookie(client: httpx.AsyncClient) -> None:
    name, _, attributes = cookie_of(await client.post(LOGIN, json=GOOD))
    assert name == "__Host-slipway_session"
    assert attributes["secure"] is True


@pytest.mark.usefixtures("user")
async def test_cookie_login_hides_token(browser: httpx.AsyncClient) -> None:
    answer = await browser.post(LOGIN, json=GOOD)
    _, token, _ = cookie_of(answer)
    assert token not in answer.text
    for path in (ME, f"{API}/auth/sessions", f"{API}/videos"):
        assert token not in (await browser.get(path)).text


@pytest.mark.usefixtures("user")
async def test_bearer_login_returns_token_in_body_only(
    application: Application, client: httpx.AsyncClient
) -> None:
    answer = await client.post(TOKEN, data={"username": "user@example.com", "password": PASSWORD})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_at"}
    assert body["token_type"] == "bearer"
    assert (assert_time(body["expires_at"]) - application.clock.now()).days == 30
    me = await client.get(ME, headers={"Authorization": f"Bearer {body['access_token']}"})
    assert me.json()["email"] == "user@example.com"


@pytest.mark.usefixtures("user")
async def test_tokens_are_long_and_unique(browser: httpx.AsyncClient) -> None:
    tokens = [cookie_of(await browser.post(LOGIN, json=GOOD))[1] for _ in range(20)]
    assert len(set(tokens)) == 20
    for token in tokens:
        assert len(base64.urlsafe_b64decode(token + "==")) >= 16  # 128 bit
    # No character is equal in all tokens, so none contains a counter or an account ID.
    assert all(len({token[place] for token in tokens}) > 1 for place in range(len(tokens[0]) - 1))


@pytest.mark.usefixtures("user")
async def test_database_does_not_contain_token(application: Application, browser: httpx.AsyncClient) -> None:
    _, token, _ = cookie_of(await browser.post(LOGIN, json=GOOD))
    async with application.database.reading() as session:
        row = (await session.scalars(select(Session))).one()
    assert token not in str(row.model_dump())


@pytest.mark.usefixtures("user")
async def test_login_ignores_token_of_client(browser: httpx.AsyncClient) -> None:
    """This prevents session fixation."""
    browser.cookies.set("slipway_session", "chosen-by-somebody-else")
    _, token, _ = cookie_of(await browser.post(LOGIN, json=GOOD))
    assert token != "chosen-by-somebody-else"
    browser.cookies.clear()
    answer = await browser.get(ME, headers={"Cookie": "slipway_session=chosen-by-somebody-else"})
    assert_error(answer, 401, "not_authenticated")


# --- failed attempts ----------------------------------------------------------------------------------------------


@pytest.fixture
async def accounts(make_user: MakeUser) -> None:
    await make_user(email="user@example.com")
    await make_user(email="disabled@example.com", is_active=False)


WRONG = {
    "an unknown account": ("nobody@example.com", PASSWORD),
    "a wrong password": ("user@example.com", "another quiet harbour"),
    "a disabled account": ("disabled@example.com", PASSWORD),
    "a disabled account, wrong password": ("disabled@example.com", "another quiet harbour"),
    "no address": ("nobody", PASSWORD),
    "an empty address": ("", PASSWORD),
    "an empty password": ("user@example.com", ""),
    "a NUL in the address": ("user\x00@example.com", PASSWORD),
    "a password of 1,000 characters": ("user@example.com", "x" * 1000),
    "SQL": ("' OR 1=1 --", "' OR 1=1 --"),
}


@pytest.mark.usefixtures("accounts")
async def test_failed_logins_are_indistinguishable(
    subtests: pytest.Subtests, client: httpx.AsyncClient
) -> None:
    answers = {}
    for reason, (email, password) in WRONG.items():
        with subtests.test(reason):
            answer = await client.post(LOGIN, json={"email": email, "password": password})
            assert_error(answer, 401, "invalid_credentials")
            assert "set-cookie" not in answer.headers
            answers[reason] = without_request_id(answer)
    assert len({str(answer) for answer in answers.values()}) == 1


@pytest.mark.usefixtures("accounts")
async def test_failed_token_requests_are_indistinguishable(
    subtests: pytest.Subtests, client: httpx.AsyncClient
) -> None:
    answers = {}
    for reason, (email, password) in WRONG.items():
        if not email or not password:
            continue  # FastAPI treats an empty form field as missing
        with subtests.test(reason):
            answer = await client.post(TOKEN, data={"username": email, "password": password})
            assert_error(answer, 401, "invalid_credentials")
            answers[reason] = without_request_id(answer)
    assert len({str(answer) for answer in answers.values()}) == 1


@pytest.mark.parametrize(
    "email", ["a" * 321, "a" + "\u0301\u0316" * 5_000, "\u0301" * 300 + "@example.com" * 2]
)
async def test_address_that_is_too_long_is_refused_unread(client: httpx.AsyncClient, email: str) -> None:
    """Normalising 32,000 marks would hold the event loop for 2 s."""
    for answer in (
        await client.post(LOGIN, json={"email": email, "password": PASSWORD}),
        await client.post(TOKEN, data={"username": email, "password": PASSWORD}),
        await client.post(REGISTER, json={"email": email, "password": PASSWORD}),
    ):
        assert_error(answer, 422, "validation_error")


@pytest.mark.usefixtures("accounts")
async def test_every_attempt_computes_one_hash(
    subtests: pytest.Subtests, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the response time would reveal whether the account exists."""
    counting = CountingHash(security._ARGON2)
    monkeypatch.setattr(security, "_ARGON2", counting)
    for reason, (email, password) in {**WRONG, "the right one": ("user@example.com", PASSWORD)}.items():
        with subtests.test(reason):
            counting.count = 0
            await client.post(LOGIN, json={"email": email, "password": password})
            assert counting.count == 1


@pytest.mark.usefixtures("accounts")
async def test_failed_login_creates_no_session(application: Application, client: httpx.AsyncClient) -> None:
    for email, password in WRONG.values():
        await client.post(LOGIN, json={"email": email, "password": password})
    async with application.database.reading() as session:
        assert (await session.scalars(select(Session))).all() == []


@pytest.mark.usefixtures("user")
async def test_full_login_queue_returns_503(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing is expensive, so a flood of logins must not exhaust the service."""
    held = threading.Event()
    fits = security._ARGON2

    class Held(CountingHash):
        def verify(self, password: str | bytes, hash: str | bytes) -> bool:
            held.wait()
            return super().verify(password, hash)

    monkeypatch.setattr(security, "_ARGON2", Held(fits))
    waiting: list[asyncio.Task[httpx.Response]] = []
    try:
        refused = None
        while refused is None:
            assert len(waiting) < 200, "the queue has no limit"
            waiting.append(asyncio.create_task(client.post(LOGIN, json=GOOD)))
            done, _ = await asyncio.wait(waiting, timeout=0.02)
            refused = next(iter(done), None)
        assert_retry_later(refused.result(), "overloaded")
        assert (await client.get(f"{API}/health/live")).status_code == 200
    finally:
        held.set()
    answers = await asyncio.gather(*waiting)
    assert {answer.status_code for answer in answers} == {200, 503}
    assert (await client.post(LOGIN, json=GOOD)).status_code == 200


# --- the form -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("user")
async def test_reads_password_form_of_oauth2(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    form = {"username": "user@example.com", "password": PASSWORD}
    for status, data in (
        (200, {**form, "grant_type": "password"}),
        (200, {**form, "scope": ""}),
        (422, {**form, "grant_type": "client_credentials"}),
        (422, {"username": "user@example.com"}),
        (422, {"password": PASSWORD}),
        (422, {}),
    ):
        with subtests.test(str(data)):
            answer = await client.post(TOKEN, data=data)
            assert answer.status_code == status
            if status == 422:
                assert_error(answer, 422, "validation_error")


@pytest.mark.usefixtures("user")
async def test_login_and_token_refuse_each_others_format(client: httpx.AsyncClient) -> None:
    answer = await client.post(TOKEN, json={"username": "user@example.com", "password": PASSWORD})
    assert_error(answer, 422, "validation_error")
    answer = await client.post(LOGIN, data={"email": "user@example.com", "password": PASSWORD})
    assert_error(answer, 422, "validation_error")


async def test_refuses_broken_multipart_form(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for content_type, content in (
        ("multipart/form-data", b"--x\r\nwhat"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: nonsense\r\n\r\nx\r\n--x--"),
    ):
        with subtests.test(content_type):
            answer = await client.post(TOKEN, content=content, headers={"Content-Type": content_type})
            assert answer.status_code in (400, 422)
            assert answer.json()["code"] in ("malformed_request", "validation_error")


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    ("charset", "status"), [("utf-8", 200), ('"UTF-8"', 200), ("punycode", 400), ("idna", 400), ("no", 400)]
)
async def test_multipart_form_is_utf_8(client: httpx.AsyncClient, charset: str, status: int) -> None:
    """A sender can't choose a codec, because some take seconds for 64 KiB."""
    fields = {"username": "user@example.com", "password": PASSWORD}
    lines = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    headers = {"Content-Type": f"multipart/form-data; charset={charset}; boundary=x"}
    answer = await client.post(TOKEN, content="".join([*lines, "--x--\r\n"]), headers=headers)

    assert answer.status_code == status
    if status == 400:
        assert_error(answer, 400, "malformed_request")


# --- authorization ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("user")
async def test_parses_authorization_header(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    form = {"username": "user@example.com", "password": PASSWORD}
    token = (await client.post(TOKEN, data=form)).json()["access_token"]
    first = "A" if token[0] != "A" else "B"
    for status, header in (
        (200, f"Bearer {token}"),
        (200, f"bearer {token}"),
        (401, "Bearer"),
        (401, "Bearer "),
        (401, token),
        (401, f"Basic {token}"),
        (401, f"Bearer {token}x"),
        (401, f"Bearer {token[1:]}"),
        (401, f"Bearer {first}{token[1:]}"),
        (401, f"Bearer {token.swapcase()}"),
        (401, f"Bearer {token} {token}"),
        (401, f"Bearer {'x' * 5000}"),
        (401, "Bearer null"),
        (401, ""),
    ):
        with subtests.test(header[:40]):
            answer = await client.get(ME, headers={"Authorization": header})
            assert answer.status_code == status
            if status == 401:
                assert_error(answer, 401, "not_authenticated")
                assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.usefixtures("user")
async def test_refuses_invalid_bearer_token_with_valid_cookie(browser: httpx.AsyncClient) -> None:
    await browser.post(LOGIN, json=GOOD)
    for header in ("Bearer wrong", "Basic dXNlcjpwYXNz"):
        answer = await browser.get(ME, headers={"Authorization": header})
        assert_error(answer, 401, "not_authenticated")
    assert (await browser.get(ME)).status_code == 200


async def test_private_routes_require_session(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    public = {
        "/upload-policy",
        "/health/live",
        "/health/ready",
        "/auth/register",
        "/auth/login",
        "/auth/token",
        "/auth/session",
    }

    bodies: dict[str, Any] = {
        "/auth/me": {"full_name": None},
        "/auth/me/delete": {"password": PASSWORD},
        "/auth/password": {"current_password": PASSWORD, "new_password": PASSWORD},
        "/auth/sessions/{session_id}/end": {"password": PASSWORD},
        "/auth/sessions/end-others": {"password": PASSWORD},
        "/videos": {"filename": "a.mp4", "size_bytes": 1, "content_type": "video/mp4"},
        "/videos/{video_id}/parts": {"part_numbers": [1]},
        "/videos/{video_id}/complete": {"parts": []},
    }
    for method, path, _ in operations():
        short = path.removeprefix(API)
        if short in public:
            continue
        with subtests.test(f"{method} {short}"):
            body = bodies.get(short) if method in ("POST", "PATCH") else None
            answer = await client.request(method, random_path(path), json=body, headers={"Origin": APP_URL})
            assert_error(answer, 401, "not_authenticated")


@pytest.mark.usefixtures("user")
async def test_login_deletes_ended_sessions(
    application: Application, clock: FakeClock, client: httpx.AsyncClient
) -> None:
    await client.post(LOGIN, json=GOOD)
    clock.advance(seconds=application.settings.session_idle_seconds)
    await client.post(LOGIN, json=GOOD)
    async with application.database.reading() as session:
        assert len((await session.scalars(select(Session))).all()) == 1
