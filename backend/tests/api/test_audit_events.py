"""Log lines of requests name the request, the client, and the user and session once they are known."""

import json
from io import StringIO
from typing import Any

import httpx
import pytest

from app.bootstrap import Application
from app.core.audit_events import AuditEvent, session_mark
from app.core.security import hash_token
from app.models import User
from app.services import accounts
from tests.api.shapes import API, assert_error
from tests.conftest import MakeVideo, SignedIn
from tests.factories import APP_URL, PASSWORD, SMALL_VIDEO, ApiClient, announce
from tests.fakes import FakeClock, FakeDelivery


def lines(log: StringIO, event: str) -> list[dict[str, Any]]:
    """Return the log's lines of this event, in their order."""
    return [line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == event]


def session_of(client: ApiClient) -> str:
    return session_mark(hash_token(client.cookies["slipway_session"]))


async def test_line_of_a_signed_in_request_names_request_client_user_and_session(
    signed_in: SignedIn, log: StringIO
) -> None:
    alice = await signed_in()
    answer = await alice.get(f"{API}/auth/me")

    (line,) = lines(log, "request.answered")
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (line["client"], line["user_id"]) == ("127.0.0.1", str(alice.user.id))
    assert line["session"] == session_of(alice)
    assert len(line["session"]) == 12


async def test_next_request_without_session_names_no_user(
    signed_in: SignedIn, client: httpx.AsyncClient, log: StringIO
) -> None:
    alice = await signed_in()
    await alice.get(f"{API}/auth/me")
    await client.get(f"{API}/upload-policy")

    line = lines(log, "request.answered")[-1]
    assert line["client"] == "127.0.0.1"
    assert "user_id" not in line
    assert "session" not in line


async def test_sign_in_names_user_and_session(
    browser: ApiClient, user: User, signed_in: SignedIn, log: StringIO
) -> None:
    old = await signed_in(user)
    browser.cookies.set("slipway_session", old.cookies["slipway_session"])
    login = {"email": user.email, "password": PASSWORD}
    answer = await browser.post(f"{API}/auth/login", json=login)

    (started,) = lines(log, AuditEvent.SIGNED_IN)
    assert (started["user_id"], started["kind"]) == (str(user.id), "cookie")
    assert started["session"] == session_mark(hash_token(answer.cookies["slipway_session"]))
    (ended,) = lines(log, AuditEvent.SESSION_ENDED)
    assert (ended["user_id"], ended["ended"], ended["reason"]) == (str(user.id), session_of(old), "replaced")
    assert lines(log, "request.answered")[-1]["user_id"] == str(user.id)


async def test_refused_sign_in_names_only_known_users(browser: ApiClient, user: User, log: StringIO) -> None:
    for email in (user.email, "nobody@example.com"):
        await browser.post(f"{API}/auth/login", json={"email": email, "password": "wrong"})

    assert [line["user_id"] for line in lines(log, AuditEvent.SIGN_IN_REFUSED)] == [str(user.id), None]
    assert "nobody" not in log.getvalue()


async def test_wrong_password_within_a_session_is_recorded(signed_in: SignedIn, log: StringIO) -> None:
    alice = await signed_in()
    body = {"current_password": "wrong", "new_password": "another quiet harbour"}
    await alice.post(f"{API}/auth/password", json=body)
    await alice.post(f"{API}/auth/sessions/end-others", json={"password": "wrong"})

    refused = lines(log, AuditEvent.SIGN_IN_REFUSED)
    assert [line["session"] for line in refused] == [session_of(alice)] * 2


async def test_registration_names_the_user(browser: ApiClient, log: StringIO) -> None:
    account = {"email": "new@example.com", "password": PASSWORD}
    made = (await browser.post(f"{API}/auth/register", json=account)).json()

    (line,) = lines(log, AuditEvent.REGISTERED)
    assert line["user_id"] == made["id"]


async def test_ended_sessions_name_their_reason(
    application: Application, signed_in: SignedIn, user: User, log: StringIO
) -> None:
    async def other() -> str:
        return session_of(await signed_in(user))

    here = await signed_in(user)
    expected = []
    listed = await other()
    (item,) = [row for row in (await here.get(f"{API}/auth/sessions")).json()["items"] if not row["current"]]
    await here.post(f"{API}/auth/sessions/{item['id']}/end", json={"password": PASSWORD})
    expected.append((listed, "ended_by_user"))
    expected.append((await other(), "ended_by_user"))
    await here.post(f"{API}/auth/sessions/end-others", json={"password": PASSWORD})
    expected.append((await other(), "password_changed"))
    changed = {"current_password": PASSWORD, "new_password": "another quiet harbour"}
    await here.post(f"{API}/auth/password", json=changed)
    expected.append((session_of(here), "signed_out"))
    await here.post(f"{API}/auth/logout")
    expected.append((await other(), "password_set"))
    await application.accounts.set_password(user.email, PASSWORD)
    expected.append((await other(), "account_disabled"))
    await application.user_admin.disable(user.id)
    await application.user_admin.enable(user.id)
    expected.append((await other(), "account_deleted"))
    await application.user_admin.delete(user.id)

    ended = lines(log, AuditEvent.SESSION_ENDED)
    assert [(line["ended"], line["reason"]) for line in ended] == expected
    assert {line["user_id"] for line in ended} == {str(user.id)}
    (changed_line,) = lines(log, AuditEvent.PASSWORD_CHANGED)
    assert changed_line["user_id"] == str(user.id)
    changes = lines(log, AuditEvent.ACCOUNT_CHANGED)
    assert [line["change"] for line in changes] == ["set-password", "disable", "enable", "delete"]
    assert {line["user_id"] for line in changes} == {str(user.id)}


async def test_deletion_by_the_owner_is_recorded(signed_in: SignedIn, log: StringIO) -> None:
    alice = await signed_in()
    own = session_of(alice)
    await alice.post(f"{API}/auth/me/delete", json={"password": PASSWORD})

    (deleted,) = lines(log, AuditEvent.ACCOUNT_DELETED)
    assert deleted["user_id"] == str(alice.user.id)
    (ended,) = lines(log, AuditEvent.SESSION_ENDED)
    assert (ended["ended"], ended["reason"]) == (own, "account_deleted")


async def test_session_that_a_sign_in_ends_beyond_their_number_names_its_reason(
    signed_in: SignedIn, user: User, log: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "MAX_SESSIONS_PER_USER", 1)
    old = session_of(await signed_in(user))
    client = await signed_in()
    await client.post(f"{API}/auth/token", data={"username": user.email, "password": PASSWORD})

    (ended,) = [line for line in lines(log, AuditEvent.SESSION_ENDED) if line["user_id"] == str(user.id)]
    assert (ended["ended"], ended["reason"]) == (old, "too_many_sessions")


async def test_announced_upload_names_video_owner_and_session(signed_in: SignedIn, log: StringIO) -> None:
    alice = await signed_in()
    announced = await announce(alice, SMALL_VIDEO)

    (line,) = lines(log, AuditEvent.UPLOAD_CREATED)
    assert line["audit"] is True
    assert (line["video_id"], line["user_id"]) == (announced.id, str(alice.user.id))
    assert line["session"] == session_of(alice)


async def test_deletion_names_video_and_owner(
    signed_in: SignedIn, make_video: MakeVideo, log: StringIO
) -> None:
    alice = await signed_in()
    video = await make_video("ready", owner=alice.user)
    await alice.delete(f"{API}/videos/{video.id}")

    (line,) = lines(log, AuditEvent.VIDEO_DELETED)
    assert (line["video_id"], line["user_id"]) == (str(video.id), str(alice.user.id))


async def test_answers_with_delivery_urls_name_their_videos(
    signed_in: SignedIn, make_video: MakeVideo, log: StringIO
) -> None:
    alice = await signed_in()
    ready = await make_video("ready", owner=alice.user)
    await make_video("processing", owner=alice.user)
    await alice.get(f"{API}/videos")
    await alice.get(f"{API}/videos/{ready.id}")

    (line,) = lines(log, AuditEvent.LINK_MADE)
    assert (line["video_ids"], line["session"]) == ([str(ready.id)], session_of(alice))


async def test_delivery_url_is_recorded_again_when_it_changes_and_for_another_session(
    signed_in: SignedIn, make_video: MakeVideo, log: StringIO, clock: FakeClock
) -> None:
    alice = await signed_in()
    ready = await make_video("ready", owner=alice.user)
    await alice.get(f"{API}/videos")
    clock.advance(FakeDelivery.LIFE)
    await alice.get(f"{API}/videos")
    first = session_of(alice)
    await alice.post(f"{API}/auth/login", json={"email": alice.user.email, "password": PASSWORD})
    await alice.get(f"{API}/videos/{ready.id}")

    assert [line["video_ids"] for line in lines(log, AuditEvent.LINK_MADE)] == [[str(ready.id)]] * 3
    assert [line["session"] == first for line in lines(log, AuditEvent.LINK_MADE)] == [True, True, False]


async def test_answer_without_delivery_url_records_no_link(
    signed_in: SignedIn, make_video: MakeVideo, log: StringIO
) -> None:
    alice = await signed_in()
    await make_video("processing", owner=alice.user)
    await alice.get(f"{API}/videos")

    assert lines(log, AuditEvent.LINK_MADE) == []


async def test_refused_origin_is_recorded_shortened(
    client: httpx.AsyncClient, signed_in: SignedIn, log: StringIO
) -> None:
    alice = await signed_in()
    evil = "https://evil.example/" + "a" * 1000
    assert_error(
        await client.post(f"{API}/auth/login", json={}, headers={"Origin": evil}), 403, "csrf_rejected"
    )
    assert_error(await alice.post(f"{API}/auth/logout", headers={"Origin": evil}), 403, "csrf_rejected")

    assert [line["origin"] for line in lines(log, AuditEvent.CSRF_REFUSED)] == [evil[:200]] * 2
    assert APP_URL not in log.getvalue()
