"""Register, sign in, and end sessions."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.bootstrap import Application
from app.core import security
from app.core.security import PasswordHasher, hash_token
from app.domain.errors import (
    EmailTaken,
    InvalidCredentials,
    NotAuthenticated,
    Overloaded,
    PasswordTooWeak,
    SessionNotFound,
)
from app.models import User
from app.services import accounts
from app.services.accounts import Caller, SignIn
from tests.conftest import REAL_ARGON2, MakeUser
from tests.factories import PASSWORD
from tests.fakes import FakeClock

IDLE = timedelta(days=7)
ABSOLUTE = timedelta(days=30)
A_SECOND = timedelta(seconds=1)


async def sign_in(application: Application, user: User, kind: str = "cookie") -> SignIn:
    return await application.accounts.sign_in(user.email, PASSWORD, kind, "a browser")


async def signed_in(application: Application, user: User) -> Caller:
    return await application.accounts.who_is((await sign_in(application, user)).token)


# --- registering ------------------------------------------------------------------------------------------------


async def test_registered_user_signs_in(application: Application) -> None:
    made = await application.registration.create("Ada@Example.com", PASSWORD, "Ada")

    signed = await application.accounts.sign_in("Ada@Example.com", PASSWORD, "cookie", None)

    assert signed.user.id == made.id
    assert (made.email, made.full_name, made.reserved_bytes, made.is_active) == (
        "Ada@Example.com",
        "Ada",
        0,
        True,
    )


async def test_ignores_case_of_addresses(application: Application) -> None:
    made = await application.registration.create("ada@example.com", PASSWORD, None)

    with pytest.raises(EmailTaken):
        await application.registration.create("ADA@Example.COM", PASSWORD, None)

    assert (
        await application.accounts.sign_in("aDa@eXample.com", PASSWORD, "cookie", None)
    ).user.id == made.id


async def test_concurrent_registrations_create_one_account(application: Application) -> None:
    outcomes = await asyncio.gather(
        *(application.registration.create("ada@example.com", PASSWORD, None) for _ in range(5)),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, User) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, EmailTaken) for outcome in outcomes) == 4


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short12",
        "x" * 129,
        "password",
        "PASSWORD",
        "password1",
        "12345678",
        "qwertyuiop",
        "aaaaaaaaaaaa",
        "slipway123",
        "ada.lovelace@example.com",
        "ADA.LOVELACE",
    ],
)
async def test_refuses_common_passwords(application: Application, password: str) -> None:
    with pytest.raises(PasswordTooWeak):
        await application.registration.create("ada.lovelace@example.com", password, None)


@pytest.mark.parametrize("password", ["8 chars!", "x" * 127 + "y", "пароль моря", "correct horse battery"])
async def test_accepts_other_passwords(application: Application, password: str) -> None:
    made = await application.registration.create("ada@example.com", password, None)

    assert (
        await application.accounts.sign_in("ada@example.com", password, "cookie", None)
    ).user.id == made.id


async def test_stores_neither_password_nor_token(application: Application) -> None:
    await application.registration.create("ada@example.com", PASSWORD, None)
    signed = await application.accounts.sign_in("ada@example.com", PASSWORD, "cookie", None)

    async with application.database.reading() as session:
        rows = [
            str(row)
            for table in ("users", "sessions")
            for row in await session.execute(text(f"SELECT * FROM {table}"))  # noqa: S608  # two fixed names
        ]
    dump = "\n".join(rows)
    assert "$argon2id$" in dump
    assert hash_token(signed.token) in dump
    assert PASSWORD not in dump
    assert signed.token not in dump


def test_hashes_passwords_as_owasp_recommends() -> None:
    """Check the application's parameters, because the tests hash with cheaper ones."""
    assert REAL_ARGON2.hash(PASSWORD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


# --- signing in -------------------------------------------------------------------------------------------------


async def test_answers_alike_for_every_refused_sign_in(
    application: Application, user: User, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text and cost are equal, so that neither shows whether an account exists."""
    disabled = await make_user(is_active=False)
    matches = security._matches
    hashes: list[str] = []

    def counted(password: str, encoded: str) -> bool:
        hashes.append(encoded)
        return matches(password, encoded)

    monkeypatch.setattr(security, "_matches", counted)
    told = set()
    for email, password in [
        (user.email, "a wrong password"),
        ("nobody@example.com", PASSWORD),
        (disabled.email, PASSWORD),
    ]:
        with pytest.raises(InvalidCredentials) as raised:
            await application.accounts.sign_in(email, password, "cookie", None)
        told.add(str(raised.value))

    assert len(told) == 1
    assert len(hashes) == 3
    assert None not in hashes, "verified, not made"


async def test_issues_long_random_tokens(application: Application, user: User) -> None:
    tokens = {(await sign_in(application, user)).token for _ in range(3)}

    assert len(tokens) == 3
    assert all(len(token) >= 43 for token in tokens), "256 bits in base64"


async def test_truncates_long_user_agent(application: Application, user: User) -> None:
    await application.accounts.sign_in(user.email, PASSWORD, "cookie", "x" * 10_000)

    (row,) = await application.accounts.list_sessions(await signed_in_again(application, user))
    assert row.user_agent is not None
    assert len(row.user_agent) == 200


async def signed_in_again(application: Application, user: User) -> Caller:
    """Return the caller of the existing session."""
    async with application.database.reading() as session:
        session_id = (await session.execute(text("SELECT id FROM sessions"))).scalar_one()
    return Caller(user, session_id)


# --- how long it lasts ------------------------------------------------------------------------------------------


async def test_session_ends_after_a_week_without_use(
    application: Application, user: User, clock: FakeClock
) -> None:
    token = (await sign_in(application, user)).token
    clock.advance(IDLE - A_SECOND)
    await application.accounts.who_is(token)
    clock.advance(IDLE - A_SECOND)
    await application.accounts.who_is(token)
    clock.advance(IDLE)

    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(token)


async def test_session_ends_after_thirty_days(application: Application, user: User, clock: FakeClock) -> None:
    signed = await sign_in(application, user)
    assert signed.expires_at == clock.now() + ABSOLUTE
    for _ in range(29):
        clock.advance(timedelta(days=1))
        await application.accounts.who_is(signed.token)
    clock.advance(timedelta(days=1))

    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(signed.token)


async def test_records_use_at_most_once_a_minute(
    application: Application, user: User, clock: FakeClock
) -> None:
    token = (await sign_in(application, user)).token
    began = clock.now()
    clock.advance(seconds=59)
    caller = await application.accounts.who_is(token)
    assert (await application.accounts.list_sessions(caller))[0].last_seen_at == began
    clock.advance(seconds=1)

    await application.accounts.who_is(token)

    assert (await application.accounts.list_sessions(caller))[0].last_seen_at == clock.now()


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 129, "\x00", "ü" * 20])
async def test_refuses_unknown_token(application: Application, token: str) -> None:
    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(token)


async def test_sign_in_deletes_ended_sessions(application: Application, user: User, clock: FakeClock) -> None:
    for _ in range(3):
        await sign_in(application, user)
    clock.advance(IDLE)

    await sign_in(application, user)

    async with application.database.reading() as session:
        assert (await session.execute(text("SELECT count(*) FROM sessions"))).scalar_one() == 1


async def test_does_not_list_ended_sessions(application: Application, user: User, clock: FakeClock) -> None:
    await sign_in(application, user)
    clock.advance(IDLE - A_SECOND)
    caller = await signed_in(application, user)
    assert len(await application.accounts.list_sessions(caller)) == 2
    clock.advance(A_SECOND)

    assert [row.id for row in await application.accounts.list_sessions(caller)] == [caller.session_id]


# --- ending it --------------------------------------------------------------------------------------------------


async def test_sign_out_ends_only_this_session(application: Application, user: User) -> None:
    here, there = await sign_in(application, user), await sign_in(application, user)

    await application.accounts.sign_out(await application.accounts.who_is(here.token))

    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(here.token)
    assert (await application.accounts.who_is(there.token)).user.id == user.id


async def test_ends_another_session_of_the_user(application: Application, user: User) -> None:
    lost = await sign_in(application, user, "bearer")
    caller = await signed_in(application, user)
    (row,) = [row for row in await application.accounts.list_sessions(caller) if row.kind == "bearer"]

    await application.accounts.end_session(caller, row.id, PASSWORD)

    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(lost.token)
    with pytest.raises(SessionNotFound):
        await application.accounts.end_session(caller, row.id, PASSWORD)


async def test_hides_sessions_of_other_users(
    application: Application, user: User, make_user: MakeUser
) -> None:
    victim = await sign_in(application, user)
    victims_session = (await application.accounts.who_is(victim.token)).session_id
    thief = await signed_in(application, await make_user())

    with pytest.raises(SessionNotFound):
        await application.accounts.end_session(thief, victims_session, PASSWORD)

    assert victims_session not in [row.id for row in await application.accounts.list_sessions(thief)]
    assert (await application.accounts.who_is(victim.token)).user.id == user.id


async def test_new_password_ends_other_sessions(application: Application, user: User) -> None:
    here, there = await sign_in(application, user), await sign_in(application, user)
    caller = await application.accounts.who_is(here.token)

    renewed = await application.accounts.change_password(caller, PASSWORD, "another harbour")

    assert renewed
    assert (await application.accounts.who_is(renewed)).user.id == user.id
    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(there.token)
    with pytest.raises(InvalidCredentials):
        await sign_in(application, user)
    await application.accounts.sign_in(user.email, "another harbour", "cookie", None)


@pytest.mark.parametrize(
    ("current", "new", "error"),
    [("wrong password", "another harbour", InvalidCredentials), (PASSWORD, "password", PasswordTooWeak)],
)
async def test_refused_password_changes_nothing(
    application: Application, user: User, current: str, new: str, error: type[Exception]
) -> None:
    other = await sign_in(application, user)
    caller = await signed_in(application, user)

    with pytest.raises(error):
        await application.accounts.change_password(caller, current, new)

    await application.accounts.who_is(other.token)
    await sign_in(application, user)


async def test_changes_the_name(application: Application, user: User) -> None:
    caller = await signed_in(application, user)

    await application.accounts.rename(caller, "Grace")

    assert (await signed_in(application, user)).user.full_name == "Grace"


# --- the operator -----------------------------------------------------------------------------------------------


async def test_operator_sets_password_and_ends_sessions(application: Application, user: User) -> None:
    token = (await sign_in(application, user)).token

    await application.accounts.set_password(user.email, "another harbour")

    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(token)
    await application.accounts.sign_in(user.email, "another harbour", "cookie", None)


async def test_operator_gets_error_for_unknown_account(application: Application) -> None:
    with pytest.raises(InvalidCredentials, match="no account"):
        await application.accounts.set_password("nobody@example.com", PASSWORD)


# --- the number of sessions -------------------------------------------------------------------------------------


async def test_sign_in_beyond_the_limit_ends_the_session_that_was_used_least_recently(
    application: Application,
    user: User,
    make_user: MakeUser,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accounts, "MAX_SESSIONS_PER_USER", 3)
    other = await sign_in(application, await make_user())
    first, second, third = [await sign_in(application, user) for _ in range(3)]
    clock.advance(minutes=2)
    await application.accounts.who_is(first.token)
    await application.accounts.who_is(third.token)

    newest = await sign_in(application, user)

    for kept in (first, third, newest, other):
        await application.accounts.who_is(kept.token)
    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(second.token)


async def test_sign_ins_at_once_leave_no_more_sessions_than_the_limit(
    application: Application, user: User, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "MAX_SESSIONS_PER_USER", 3)
    for _ in range(5):
        clock.advance(seconds=1)
        newest = await asyncio.gather(*(sign_in(application, user) for _ in range(2)))

    callers = [await application.accounts.who_is(signed.token) for signed in newest]
    assert len(await application.accounts.list_sessions(callers[0])) == 3


# --- hashing under load -----------------------------------------------------------------------------------------


async def test_refuses_sign_ins_beyond_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "HASHING_QUEUE", 4)
    hasher = PasswordHasher()

    outcomes: list[Any] = await asyncio.gather(
        *(hasher.hash(PASSWORD) for _ in range(10)), return_exceptions=True
    )

    assert sum(isinstance(outcome, Overloaded) for outcome in outcomes) == 6
    assert await hasher.verify(PASSWORD, next(o for o in outcomes if isinstance(o, str)))
    hasher.close()


async def test_keeps_room_in_the_queue_for_known_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "HASHING_QUEUE", 4)
    monkeypatch.setattr(security, "KEPT_FOR_KNOWN", 2)
    hasher = PasswordHasher()

    strangers = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(4)]
    await asyncio.sleep(0)
    outcomes: list[Any] = await asyncio.gather(
        *(hasher.verify(PASSWORD, None, is_known=is_known) for is_known in (False, True, True, True)),
        return_exceptions=True,
    )

    assert [isinstance(outcome, Overloaded) for outcome in outcomes] == [True, False, False, True]
    await asyncio.gather(*strangers)
    hasher.close()


async def test_one_account_or_address_takes_a_part_of_the_queue() -> None:
    hasher = PasswordHasher()

    outcomes: list[Any] = await asyncio.gather(
        *(hasher.verify(PASSWORD, None, ["account a", f"address {n}"], is_known=True) for n in range(50)),
        *(hasher.verify(PASSWORD, None, [f"account {n}", "address x"]) for n in range(50)),
        hasher.verify(PASSWORD, None, ["account c", "address y"]),
        return_exceptions=True,
    )

    hashed = [number for number, outcome in enumerate(outcomes) if not isinstance(outcome, Overloaded)]
    most = security.HASHES_OF_ONE
    assert hashed == [*range(most), *range(50, 50 + most), 100]
    assert not await hasher.verify(PASSWORD, None, ["account a", "address x"])
    hasher.close()


async def test_refuses_hash_of_unknown_kind(application: Application) -> None:
    assert not await application.hasher.verify(PASSWORD, "plain:" + PASSWORD)
    assert not await application.hasher.verify(PASSWORD, None)
