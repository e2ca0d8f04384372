"""Accounts and sign-ins: who may have one, how long it lasts, what it does not tell."""

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


async def test_a_registered_user_can_sign_in(application: Application) -> None:
    made = await application.accounts.register("Ada@Example.com", PASSWORD, "Ada")

    signed = await application.accounts.sign_in("Ada@Example.com", PASSWORD, "cookie", None)

    assert signed.user.id == made.id
    assert (made.email, made.full_name, made.reserved_bytes, made.is_active) == (
        "Ada@Example.com",
        "Ada",
        0,
        True,
    )


async def test_an_address_is_one_account_in_any_case(application: Application) -> None:
    made = await application.accounts.register("ada@example.com", PASSWORD, None)

    with pytest.raises(EmailTaken):
        await application.accounts.register("ADA@Example.COM", PASSWORD, None)

    assert (
        await application.accounts.sign_in("aDa@eXample.com", PASSWORD, "cookie", None)
    ).user.id == made.id


async def test_of_parallel_registrations_one_gets_the_address(application: Application) -> None:
    outcomes = await asyncio.gather(
        *(application.accounts.register("ada@example.com", PASSWORD, None) for _ in range(5)),
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
async def test_a_password_that_is_tried_first_is_refused(application: Application, password: str) -> None:
    with pytest.raises(PasswordTooWeak):
        await application.accounts.register("ada.lovelace@example.com", password, None)


@pytest.mark.parametrize("password", ["8 chars!", "x" * 127 + "y", "пароль моря", "correct horse battery"])
async def test_any_other_password_is_taken(application: Application, password: str) -> None:
    made = await application.accounts.register("ada@example.com", password, None)

    assert (
        await application.accounts.sign_in("ada@example.com", password, "cookie", None)
    ).user.id == made.id


async def test_the_database_holds_neither_password_nor_token(application: Application) -> None:
    await application.accounts.register("ada@example.com", PASSWORD, None)
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


def test_passwords_are_hashed_as_owasp_asks() -> None:
    """19 MiB, two passes, one lane; the tests' own hashing is cheaper, the app's is not."""
    assert REAL_ARGON2.hash(PASSWORD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


# --- signing in -------------------------------------------------------------------------------------------------


async def test_wrong_password_unknown_account_and_disabled_account_are_the_same(
    application: Application, user: User, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words and in work: each costs one hash, so that neither tells whether an account exists."""
    disabled = await make_user(is_active=False)
    work = security._work
    hashes: list[str | None] = []

    def counted(password: str, encoded: str | None) -> str:
        hashes.append(encoded)
        return work(password, encoded)

    monkeypatch.setattr(security, "_work", counted)
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


async def test_tokens_are_new_each_time_and_long(application: Application, user: User) -> None:
    tokens = {(await sign_in(application, user)).token for _ in range(3)}

    assert len(tokens) == 3
    assert all(len(token) >= 43 for token in tokens), "256 bits in base64"


async def test_a_long_user_agent_is_cut(application: Application, user: User) -> None:
    await application.accounts.sign_in(user.email, PASSWORD, "cookie", "x" * 10_000)

    (row,) = await application.accounts.list_sessions(await signed_in_again(application, user))
    assert row.user_agent is not None
    assert len(row.user_agent) == 200


async def signed_in_again(application: Application, user: User) -> Caller:
    """A caller over the session that is there already."""
    async with application.database.reading() as session:
        session_id = (await session.execute(text("SELECT id FROM sessions"))).scalar_one()
    return Caller(user, session_id)


# --- how long it lasts ------------------------------------------------------------------------------------------


async def test_a_session_unused_for_a_week_ends(
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


async def test_a_session_ends_after_thirty_days_in_any_case(
    application: Application, user: User, clock: FakeClock
) -> None:
    signed = await sign_in(application, user)
    assert signed.expires_at == clock.now() + ABSOLUTE
    for _ in range(29):
        clock.advance(timedelta(days=1))
        await application.accounts.who_is(signed.token)
    clock.advance(timedelta(days=1))

    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(signed.token)


async def test_use_is_noted_at_most_once_a_minute(
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
async def test_an_unknown_token_is_nobody(application: Application, token: str) -> None:
    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(token)


async def test_ended_sessions_are_cleared_at_the_next_sign_in(
    application: Application, user: User, clock: FakeClock
) -> None:
    for _ in range(3):
        await sign_in(application, user)
    clock.advance(IDLE)

    await sign_in(application, user)

    async with application.database.reading() as session:
        assert (await session.execute(text("SELECT count(*) FROM sessions"))).scalar_one() == 1


async def test_ended_sessions_are_not_listed(application: Application, user: User, clock: FakeClock) -> None:
    await sign_in(application, user)
    clock.advance(IDLE - A_SECOND)
    caller = await signed_in(application, user)
    assert len(await application.accounts.list_sessions(caller)) == 2
    clock.advance(A_SECOND)

    assert [row.id for row in await application.accounts.list_sessions(caller)] == [caller.session_id]


# --- ending it --------------------------------------------------------------------------------------------------


async def test_signing_out_ends_this_session_alone(application: Application, user: User) -> None:
    here, there = await sign_in(application, user), await sign_in(application, user)

    await application.accounts.sign_out(await application.accounts.who_is(here.token))

    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(here.token)
    assert (await application.accounts.who_is(there.token)).user.id == user.id


async def test_a_session_can_be_ended_from_another(application: Application, user: User) -> None:
    lost = await sign_in(application, user, "bearer")
    caller = await signed_in(application, user)
    (row,) = [row for row in await application.accounts.list_sessions(caller) if row.kind == "bearer"]

    await application.accounts.end_session(caller, row.id)

    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(lost.token)
    with pytest.raises(SessionNotFound):
        await application.accounts.end_session(caller, row.id)


async def test_anothers_session_cannot_be_listed_or_ended(
    application: Application, user: User, make_user: MakeUser
) -> None:
    victim = await sign_in(application, user)
    victims_session = (await application.accounts.who_is(victim.token)).session_id
    thief = await signed_in(application, await make_user())

    with pytest.raises(SessionNotFound):
        await application.accounts.end_session(thief, victims_session)

    assert victims_session not in [row.id for row in await application.accounts.list_sessions(thief)]
    assert (await application.accounts.who_is(victim.token)).user.id == user.id


async def test_a_new_password_ends_the_other_sessions(application: Application, user: User) -> None:
    here, there = await sign_in(application, user), await sign_in(application, user)
    caller = await application.accounts.who_is(here.token)

    await application.accounts.change_password(caller, PASSWORD, "another harbour")

    assert (await application.accounts.who_is(here.token)).user.id == user.id
    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(there.token)
    with pytest.raises(InvalidCredentials):
        await sign_in(application, user)
    await application.accounts.sign_in(user.email, "another harbour", "cookie", None)


@pytest.mark.parametrize(
    ("current", "new", "error"),
    [("wrong password", "another harbour", InvalidCredentials), (PASSWORD, "password", PasswordTooWeak)],
)
async def test_a_refused_new_password_changes_nothing(
    application: Application, user: User, current: str, new: str, error: type[Exception]
) -> None:
    other = await sign_in(application, user)
    caller = await signed_in(application, user)

    with pytest.raises(error):
        await application.accounts.change_password(caller, current, new)

    await application.accounts.who_is(other.token)
    await sign_in(application, user)


async def test_renaming(application: Application, user: User) -> None:
    caller = await signed_in(application, user)

    await application.accounts.rename(caller, "Grace")

    assert (await signed_in(application, user)).user.full_name == "Grace"


# --- the operator -----------------------------------------------------------------------------------------------


async def test_a_disabled_account_is_out_at_once(application: Application, user: User) -> None:
    token = (await sign_in(application, user)).token

    await application.accounts.disable(user.email.upper())

    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(token)
    with pytest.raises(InvalidCredentials):
        await sign_in(application, user)


async def test_the_operator_sets_a_password_and_ends_all_sessions(
    application: Application, user: User
) -> None:
    token = (await sign_in(application, user)).token

    await application.accounts.set_password(user.email, "another harbour")

    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(token)
    await application.accounts.sign_in(user.email, "another harbour", "cookie", None)


async def test_the_operator_is_told_of_an_unknown_account(application: Application) -> None:
    with pytest.raises(InvalidCredentials, match="no account"):
        await application.accounts.disable("nobody@example.com")
    with pytest.raises(InvalidCredentials, match="no account"):
        await application.accounts.set_password("nobody@example.com", PASSWORD)


# --- hashing under load -----------------------------------------------------------------------------------------


async def test_more_sign_ins_than_can_wait_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "_HASHING_QUEUE", 4)
    hasher = PasswordHasher()

    outcomes: list[Any] = await asyncio.gather(
        *(hasher.hash(PASSWORD) for _ in range(10)), return_exceptions=True
    )

    assert sum(isinstance(outcome, Overloaded) for outcome in outcomes) == 6
    assert await hasher.verify(PASSWORD, next(o for o in outcomes if isinstance(o, str)))
    hasher.close()


async def test_a_hash_of_another_kind_never_fits(application: Application) -> None:
    assert not await application.hasher.verify(PASSWORD, "plain:" + PASSWORD)
    assert not await application.hasher.verify(PASSWORD, None)
