"""Test that the log contains no password, token, URL or signature and that each line is JSON."""

import json
import re
from contextlib import AbstractAsyncContextManager
from io import StringIO
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import text

from app.bootstrap import Application
from app.core.logging import configure_logging
from app.crud import users
from tests.api.shapes import API
from tests.factories import ApiClient, announce, run_due_probes, send_parts
from tests.fakes import InMemoryStorage

FIRST = "hunter2-on-the-quay"
SECOND = "hunter3-on-the-quay"


def secrets_in(url: str) -> set[str]:
    """Return the URL, its query, and each value in it that is long enough to be a secret."""
    query = urlsplit(url).query
    return {url, query} | {value for _, value in parse_qsl(query) if len(value) >= 16}


async def everything(
    application: Application,
    storage: InMemoryStorage,
    page: ApiClient,
    program: ApiClient,
    down: AbstractAsyncContextManager[None],
) -> set[str]:
    """Run every operation of a user, with failures. Return all secrets involved."""
    secrets = {FIRST, SECOND}
    account = {"email": "keeper@example.com", "password": FIRST}
    await page.post(f"{API}/auth/register", json=account)
    await page.post(f"{API}/auth/register", json=account)
    await page.post(f"{API}/auth/register", json={"email": FIRST, "password": FIRST})
    await page.post(f"{API}/auth/register", json={FIRST: FIRST})
    await page.post(f"{API}/auth/login", json={"email": FIRST, "password": SECOND})
    await page.post(f"{API}/auth/login", content=f'{{"password": "{FIRST}",,}}')
    await page.post(f"{API}/auth/login", json=account)
    secrets.add(page.cookies["slipway_session"])
    form = {"username": "keeper@example.com", "password": FIRST}
    token = (await program.post(f"{API}/auth/token", data=form)).json()["access_token"]
    secrets.add(token)
    program.headers["Authorization"] = f"Bearer {token}"

    announced = await announce(page, b"x" * (11 * 1024 * 1024))
    for part in announced.upload["parts"]:
        secrets |= secrets_in(part["url"])
    await page.post(f"{API}/videos/{announced.id}/complete", json={"parts": []})
    await send_parts(page, storage, announced)
    storage.fail_next("complete_multipart_upload")
    await page.post(f"{API}/videos/{announced.id}/complete", json={"parts": announced.part_md5s})
    await program.post(f"{API}/videos/{announced.id}/complete", json={"parts": announced.part_md5s})
    await run_due_probes(application)
    video = (await page.get(f"{API}/videos/{announced.id}")).json()
    assert video["status"] == "ready"
    secrets |= secrets_in(video["delivery_url"])
    await program.get(f"{API}/videos", params={"cursor": token})
    await page.get(f"{API}/videos/{FIRST}")
    await page.get(f"/{FIRST}?token={token}")

    async with down:
        await page.get(f"{API}/videos")
        await page.post(f"{API}/auth/login", json=account)
    await page.post(f"{API}/auth/password", json={"current_password": SECOND, "new_password": FIRST})
    await page.post(f"{API}/auth/password", json={"current_password": FIRST, "new_password": SECOND})
    await page.delete(f"{API}/videos/{announced.id}")
    keeper = await application.user_admin.find("keeper@example.com")
    await application.user_admin.disable(keeper.id)
    await page.get(f"{API}/auth/me")
    return secrets


async def test_logs_no_secrets(
    application: Application,
    storage: InMemoryStorage,
    browser: ApiClient,
    client: ApiClient,
    no_database: AbstractAsyncContextManager[None],
    log: StringIO,
    capfd: pytest.CaptureFixture[str],
) -> None:
    secrets = await everything(application, storage, browser, client, no_database)

    written = log.getvalue() + "".join(capfd.readouterr())
    assert len(secrets) > 10
    for secret in secrets:
        assert secret not in written
    assert not re.search(r"(?i)signature=|x-amz-|authorization|argon2|set-cookie", written)
    assert "keeper@example.com" not in written


async def test_logs_json_events_with_request_id(
    application: Application,
    storage: InMemoryStorage,
    browser: ApiClient,
    client: ApiClient,
    no_database: AbstractAsyncContextManager[None],
    log: StringIO,
) -> None:
    await everything(application, storage, browser, client, no_database)
    events = [json.loads(line) for line in log.getvalue().splitlines()]
    assert {
        "request.answered",
        "upload.created",
        "upload.completed",
        "upload.parts_incomplete",
        "video.deleted",
        "request.unavailable",
    } <= {event["event"] for event in events}
    for event in events:
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", event["event"]), event
        assert event["timestamp"].endswith("Z")
        assert event["level"] in ("info", "warning", "error")
        if event["event"] == "request.answered":
            assert {"method", "route", "status", "milliseconds", "request_id"} <= set(event)
            assert "?" not in event["route"]


async def test_response_request_id_matches_log(client: ApiClient, log: StringIO) -> None:
    answer = await client.get(f"{API}/auth/me")
    lines = [line for line in log.getvalue().splitlines() if answer.headers["x-request-id"] in line]
    assert [json.loads(line)["status"] for line in lines] == [401]


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(log: StringIO) -> Terminal:
    """Return the log of `make run`. The fixture `log` restores the logging configuration."""
    assert log is not None
    shown = Terminal()
    configure_logging(shown)
    return shown


async def test_terminal_traceback_omits_locals(
    application: Application, browser: ApiClient, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Formatted tracebacks print local variables, such as the password."""

    async def break_down(email: str, password: str, *_: object, **__: object) -> None:
        raise RuntimeError(f"cannot sign in {len(email) + len(password)}")

    monkeypatch.setattr(application.accounts, "sign_in", break_down)
    answer = await browser.post(f"{API}/auth/login", json={"email": "a@example.com", "password": FIRST})
    assert answer.status_code == 500
    assert "RuntimeError" in terminal.getvalue()
    assert FIRST not in terminal.getvalue()


async def test_database_error_omits_parameters(
    browser: ApiClient, log: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's error contains the statement. Its parameters must not be logged."""

    async def broken(session: object, email_key: str) -> None:
        await session.execute(text("SELECT * FROM no_such_table WHERE a = :a"), {"a": email_key})  # type: ignore[attr-defined]  # an AsyncSession

    monkeypatch.setattr(users, "get_by_email_key", broken)
    answer = await browser.post(f"{API}/auth/login", json={"email": "planted@example.com", "password": FIRST})
    assert answer.status_code in (500, 503)
    assert "planted" not in log.getvalue()
    assert "no_such_table" not in answer.text
