"""Wrong passwords are limited by address and by account, and never keep the owner out of a known place."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from io import StringIO
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import select

from app.bootstrap import Application
from app.core import security
from app.core.audit_events import AuditEvent
from app.models import KnownPlace, User
from app.services import accounts
from tests.api.shapes import API, assert_error, assert_retry_later, with_settings
from tests.api.test_sign_in import CountingHash
from tests.conftest import MakeUser, SignedIn
from tests.factories import APP_URL, PASSWORD
from tests.fakes import FakeClock
from tests.waiting import until

LIMITS = {"limit_sign_in_per_address": "3/10 minutes", "limit_sign_in_per_account": "10/hour"}
LIMITS |= {"limit_sign_in_success_per_account": "20/hour"}
ATTACKER = "198.51.100.9"
HOME = "203.0.113.7"
ELSEWHERE = "203.0.113.8"
WRONG = "not this one"

pytestmark = [with_settings(**LIMITS), pytest.mark.usefixtures("user")]

From = Callable[[str], httpx.AsyncClient]


@pytest.fixture
async def at(app: FastAPI) -> AsyncIterator[From]:
    """Make a client with this address and no session."""
    async with AsyncExitStack() as clients:
        made: list[httpx.AsyncClient] = []

        def make(address: str) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(app, client=(address, 1234))
            made.append(httpx.AsyncClient(transport=transport, base_url=APP_URL, headers={"Origin": APP_URL}))
            clients.push_async_callback(made[-1].aclose)
            return made[-1]

        yield make


async def sign_in(
    client: httpx.AsyncClient, password: str = PASSWORD, email: str = "user@example.com"
) -> Any:
    return await client.post(f"{API}/auth/login", json={"email": email, "password": password})


async def fail(client: httpx.AsyncClient, times: int, email: str = "user@example.com") -> list[int]:
    return [(await sign_in(client, WRONG, email)).status_code for _ in range(times)]


async def fail_from_everywhere(
    at: From, email: str = "user@example.com", network: str = "198.51.100"
) -> None:
    """Use up the account's limit from addresses that are each below theirs."""
    for number in range(5):
        assert await fail(at(f"{network}.{number}"), 2, email) == [401, 401]


async def test_an_address_is_refused_before_the_hash_until_the_window_ends(
    at: From, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    attacker = at(ATTACKER)
    assert await fail(attacker, 3) == [401, 401, 401]
    clock.advance(seconds=60)
    counting = CountingHash(security._ARGON2)
    monkeypatch.setattr(security, "_ARGON2", counting)

    answer = await sign_in(attacker)

    body = assert_error(answer, 429, "rate_limited")
    assert body["detail"] == "Too many wrong passwords. Try again in 9 minutes."
    assert answer.headers["retry-after"] == "540"
    assert "set-cookie" not in answer.headers
    assert await fail(attacker, 20, "somebody@example.com") == [429] * 20
    assert counting.count == 0
    clock.advance(seconds=540)
    assert (await sign_in(attacker)).status_code == 200


async def test_right_passwords_use_up_no_limit_of_wrong_ones(at: From) -> None:
    client = at(HOME)
    assert [(await sign_in(client)).status_code for _ in range(10)] == [200] * 10
    assert await fail(client, 3) == [401] * 3


async def test_failures_without_end_from_one_address_leave_the_owner_alone(at: From) -> None:
    statuses = await fail(at(ATTACKER), 200)

    assert statuses == [401] * 3 + [429] * 197
    assert (await sign_in(at(ELSEWHERE))).status_code == 200


async def test_many_addresses_use_up_the_account_for_strangers_alone(at: From) -> None:
    assert (await sign_in(at(HOME))).status_code == 200
    await fail_from_everywhere(at)

    assert_error(await sign_in(at(ELSEWHERE)), 429, "rate_limited")
    assert (await sign_in(at(HOME))).status_code == 200
    assert (await sign_in(at(HOME))).status_code == 200


async def test_a_live_session_of_the_account_is_a_known_place(
    user: User, at: From, signed_in: SignedIn
) -> None:
    await fail_from_everywhere(at)
    owner, stranger = at(ELSEWHERE), at(ELSEWHERE)
    for client, who in ((owner, user), (stranger, None)):
        session = await signed_in(who)
        client.cookies.set("slipway_session", session.cookies["slipway_session"])

    assert_error(await sign_in(stranger), 429, "rate_limited")
    assert (await sign_in(owner)).status_code == 200


async def test_an_ended_session_is_no_known_place(
    user: User, at: From, signed_in: SignedIn, clock: FakeClock, application: Application
) -> None:
    client = at(ELSEWHERE)
    client.cookies.set("slipway_session", (await signed_in(user)).cookies["slipway_session"])
    clock.advance(seconds=application.settings.session_idle_seconds)
    await fail_from_everywhere(at)

    assert_error(await sign_in(client), 429, "rate_limited")


async def test_guesses_from_a_known_place_are_limited_and_leave_others_alone(at: From) -> None:
    home = at(HOME)
    await sign_in(home)

    assert await fail(home, 4) == [401, 401, 401, 429]
    assert_error(await sign_in(home), 429, "rate_limited")
    assert (await sign_in(at(ELSEWHERE))).status_code == 200


async def test_an_address_is_known_for_the_account_that_signed_in_alone(at: From) -> None:
    await sign_in(at(HOME))
    await fail_from_everywhere(at, "other@example.com")

    assert await fail(at(HOME), 1, "other@example.com") == [429]


async def test_an_address_is_known_for_90_days_from_the_last_sign_in(
    user: User, at: From, clock: FakeClock, application: Application
) -> None:
    for _ in range(2):
        await sign_in(at(HOME))
        clock.advance(minutes=90 * 24 * 60 - 1)
    await fail_from_everywhere(at)
    assert (await sign_in(at(HOME))).status_code == 200

    clock.advance(minutes=90 * 24 * 60)
    await fail_from_everywhere(at)
    assert_error(await sign_in(at(HOME)), 429, "rate_limited")

    clock.advance(minutes=60)
    await sign_in(at(ELSEWHERE))
    async with application.database.reading() as session:
        kept = list(await session.scalars(select(KnownPlace.place_hash)))
    assert kept == [security.hash_place(user.id, ELSEWHERE)]


@pytest.mark.parametrize("by_operator", [True, False])
async def test_a_new_password_makes_every_other_address_strange(
    user: User, at: From, application: Application, by_operator: bool
) -> None:
    """Whoever knew the old one may have signed in from many, and each would have guesses of its own."""
    new = "a third quiet harbour"
    intruder, home = at(ATTACKER), at(HOME)
    for client in (intruder, home):
        assert (await sign_in(client)).status_code == 200

    if by_operator:
        await application.accounts.set_password(user.email, new)
    else:
        change = {"current_password": PASSWORD, "new_password": new}
        assert (await home.post(f"{API}/auth/password", json=change)).status_code == 204

    for client in (intruder, home):
        client.cookies.clear()
    await fail_from_everywhere(at)
    assert await fail(intruder, 1) == [429]
    assert (await sign_in(home, new)).status_code == (429 if by_operator else 200)


async def test_the_addresses_of_the_last_sign_ins_are_known(
    at: From, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, application: Application
) -> None:
    """One person can have a network with many addresses."""
    monkeypatch.setattr(accounts, "MAX_PLACES_PER_USER", 2)
    for address in (ATTACKER, HOME, ELSEWHERE):
        assert (await sign_in(at(address))).status_code == 200
        clock.advance(seconds=1)

    async with application.database.reading() as session:
        assert len((await session.scalars(select(KnownPlace.place_hash))).all()) == 2
    await fail_from_everywhere(at)
    assert await fail(at(ATTACKER), 1) == [429]
    assert [(await sign_in(at(address))).status_code for address in (HOME, ELSEWHERE)] == [200, 200]


async def test_an_account_that_does_not_exist_is_limited_alike(user: User, at: From) -> None:
    await fail_from_everywhere(at, user.email)
    await fail_from_everywhere(at, "nobody@example.com", "192.0.2")

    answers = [await sign_in(at(ELSEWHERE), WRONG, email) for email in (user.email, "nobody@example.com")]

    assert [answer.status_code for answer in answers] == [429, 429]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]


async def test_an_ipv6_network_counts_as_one_address(at: From) -> None:
    assert [(await fail(at(f"2001:db8::{number}"), 1))[0] for number in range(1, 5)] == [401, 401, 401, 429]
    assert await fail(at("2001:db8:0:1::1"), 1) == [401]


async def test_guesses_at_once_learn_no_more_than_the_limit(
    at: From, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "HASHES_OF_ONE", 100)
    attacker = at(ATTACKER)

    answers = await asyncio.gather(*(sign_in(attacker, WRONG) for _ in range(20)))
    late = await sign_in(attacker)

    assert sorted(answer.status_code for answer in answers) == [401] * 3 + [429] * 17
    assert late.status_code == 429


async def test_a_right_guess_among_too_many_at_once_is_not_told(
    at: From, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right password is hashed after so many wrong ones that its answer would be the fourth."""
    monkeypatch.setattr(security, "HASHES_OF_ONE", 100)
    attacker, held, hasher = at(ATTACKER), threading.Event(), application.hasher
    for _ in range(2):
        hasher._pool.submit(held.wait)
    try:
        guesses = [asyncio.create_task(sign_in(attacker, WRONG)) for _ in range(12)]
        await until(lambda: hasher._pending == 12, "the wrong guesses wait")
        guesses.append(asyncio.create_task(sign_in(attacker)))
        await until(lambda: hasher._pending == 13, "the right guess waits behind them")
    finally:
        held.set()
    answers = await asyncio.gather(*guesses)

    assert answers[-1].status_code == 429
    assert 200 not in {answer.status_code for answer in answers}


async def test_right_passwords_at_once_keep_nobody_else_out(
    at: From, user: User, make_user: MakeUser, signed_in: SignedIn, application: Application
) -> None:
    """Each of 100 loops comes from a known place, with a session and an address of its own."""
    owner, held = await make_user(), threading.Event()
    pool = application.hasher._pool
    for _ in range(2):
        pool.submit(held.wait)  # so that no hash ends before all have arrived
    own = [at(f"198.51.100.{number}") for number in range(100)]
    for client in own:
        client.cookies.set("slipway_session", (await signed_in(user)).cookies["slipway_session"])

    body = {"current_password": PASSWORD, "new_password": PASSWORD}
    flood = [asyncio.create_task(sign_in(client)) for client in own[:50]]
    flood += [asyncio.create_task(client.post(f"{API}/auth/password", json=body)) for client in own[50:]]
    hasher = application.hasher
    try:
        await until(lambda: sum(task.done() for task in flood) + hasher._pending == 100, "all have arrived")
        refused = [task.result() for task in flood if task.done()]
        theirs = asyncio.create_task(sign_in(at(ELSEWHERE), email=owner.email))
    finally:
        held.set()

    assert (await theirs).status_code == 200
    assert [answer.status_code for answer in refused] == [503] * (100 - security.HASHES_OF_ONE)
    await asyncio.wait(flood)
    assert_retry_later(refused[0], "overloaded")


async def test_right_passwords_of_an_account_are_refused_over_the_limit_before_the_hash(
    at: From, make_user: MakeUser, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await make_user()
    assert [(await sign_in(at(f"203.0.113.{number}"))).status_code for number in range(20)] == [200] * 20
    with monkeypatch.context() as patch:
        counting = CountingHash(security._ARGON2)
        patch.setattr(security, "_ARGON2", counting)
        refused = await sign_in(at(HOME))
        assert assert_error(refused, 429, "rate_limited")["detail"].startswith("Too many requests.")
        assert counting.count == 0

    assert (await sign_in(at(HOME), email=other.email)).status_code == 200
    clock.advance(minutes=60)
    assert (await sign_in(at(HOME))).status_code == 200


async def test_whoever_knows_the_password_keeps_no_session_from_changing_it(
    user: User, at: From, signed_in: SignedIn
) -> None:
    owner = await signed_in(user)
    assert [(await sign_in(at(ATTACKER))).status_code for _ in range(21)] == [200] * 20 + [429]

    async def end_others() -> int:
        answer = await owner.post(f"{API}/auth/sessions/end-others", json={"password": PASSWORD})
        return answer.status_code

    body = {"current_password": PASSWORD, "new_password": "another quiet harbour"}
    assert [await end_others() for _ in range(19)] == [204] * 19
    assert (await owner.post(f"{API}/auth/password", json=body)).status_code == 204
    assert (await owner.post(f"{API}/auth/password", json=body)).status_code == 429


async def test_a_full_hashing_queue_has_room_for_known_places(
    at: From, signed_in: SignedIn, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(at(HOME))
    session = await signed_in(user)
    monkeypatch.setattr(security, "HASHING_QUEUE", 0)

    assert_retry_later(await sign_in(at(ELSEWHERE)), "overloaded")
    assert (await sign_in(at(HOME))).status_code == 200
    body = {"current_password": PASSWORD, "new_password": "another quiet harbour"}
    assert (await session.post(f"{API}/auth/password", json=body)).status_code == 204


@pytest.mark.parametrize(
    ("call", "field", "rest"),
    [
        ("password", "current_password", {"new_password": "another quiet harbour"}),
        ("sessions/end-others", "password", {}),
    ],
)
async def test_a_session_guesses_the_password_slowly(
    user: User, at: From, signed_in: SignedIn, call: str, field: str, rest: dict[str, str]
) -> None:
    thief, owner = await signed_in(user), await signed_in(user)

    async def guess(client: httpx.AsyncClient, password: str) -> int:
        return (await client.post(f"{API}/auth/{call}", json={field: password, **rest})).status_code

    assert [await guess(thief, WRONG) for _ in range(4)] == [401, 401, 401, 429]
    assert await guess(thief, PASSWORD) == 429
    assert (await sign_in(at(ELSEWHERE))).status_code == 200
    assert await guess(owner, PASSWORD) == 204


async def test_each_wrong_password_and_the_first_refusal_are_recorded(
    user: User, at: From, log: StringIO
) -> None:
    await fail(at(ATTACKER), 10)

    lines = [line for line in map(json.loads, log.getvalue().splitlines()) if line.get("audit")]
    assert [(line["event"], line["client"], line.get("limit")) for line in lines] == [
        *[(AuditEvent.SIGN_IN_REFUSED, ATTACKER, None)] * 3,
        (AuditEvent.LIMIT_HIT, ATTACKER, "sign_in_per_address"),
    ]
    assert user.email not in log.getvalue()
