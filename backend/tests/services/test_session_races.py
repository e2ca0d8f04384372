"""Nobody stays signed in by a password that was replaced, or on an account that was disabled, at the same time."""

import asyncio
import os
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.bootstrap import Application
from app.core import security
from app.core.db import Database
from app.core.security import PasswordHasher
from app.crud import sessions, users
from app.domain.errors import InvalidCredentials, NotAuthenticated, SlipwayError
from app.models import Session, User, Video
from app.services.accounts import AccountService, Caller
from tests.conftest import MakeUser
from tests.crash.report import SEED
from tests.databases import PostgresDatabases
from tests.factories import PASSWORD
from tests.fakes import FakeClock, Gate
from tests.services.conftest import waits_for_lock

STARTS = int(os.environ.get("SLIPWAY_RACES", "20"))
SIGN_INS = 4
"""Loops that sign in during one start."""
NEW_PASSWORD = "another quiet harbour"

Change = Callable[[Application, Caller], Awaitable[None]]


async def change_password(application: Application, owner: Caller) -> None:
    await application.accounts.change_password(owner, PASSWORD, NEW_PASSWORD)


async def set_password(application: Application, owner: Caller) -> None:
    await application.accounts.set_password(owner.user.email, NEW_PASSWORD)


async def disable(application: Application, owner: Caller) -> None:
    await application.user_admin.disable(owner.user.id)


CHANGES = pytest.mark.parametrize("change", [change_password, set_password, disable])


class SlowHasher(PasswordHasher):
    """Answers a call at this gate, as a hash does that takes long."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    async def verify(
        self, password: str, encoded: str | None, whom: Sequence[str] = (), *, is_known: bool = False
    ) -> bool:
        answer = await super().verify(password, encoded, whom, is_known=is_known)
        await self._gate.pass_through()
        return answer


class Slow:
    """The accounts of another process, whose hashes take until `gate` is released."""

    def __init__(self, application: Application) -> None:
        self.gate = Gate()
        own = application.accounts
        hasher = SlowHasher(self.gate)
        self.accounts = AccountService(
            own.database, own.clock, hasher, own.idle, own.absolute, own.limits, own.deletion
        )


@pytest.fixture
async def slow(application: Application) -> AsyncIterator[Slow]:
    made = Slow(application)
    yield made
    made.accounts.hasher.close()


async def start_session(accounts: AccountService, user: User, password: str = PASSWORD) -> Caller:
    return await accounts.who_is((await accounts.sign_in(user.email, password, "bearer", None)).token)


async def sessions_of(application: Application, user: User) -> set[uuid.UUID]:
    async with application.database.reading() as session:
        return set(await session.scalars(select(Session.id).where(Session.user_id == user.id)))


# --- one order at a time ----------------------------------------------------------------------------------------


@CHANGES
async def test_refuses_sign_in_that_verified_the_password_before(
    application: Application, user: User, slow: Slow, change: Change
) -> None:
    owner = await start_session(application.accounts, user)
    sign_in = asyncio.create_task(slow.accounts.sign_in(user.email, PASSWORD, "bearer", None))
    await slow.gate.reached()

    await change(application, owner)
    slow.gate.release()

    with pytest.raises(InvalidCredentials) as refused:
        await sign_in
    assert str(refused.value) == InvalidCredentials.detail
    kept = {owner.session_id} if change is change_password else set()
    assert await sessions_of(application, user) == kept


async def test_password_set_by_operator_outlives_change_under_way(
    application: Application, user: User, slow: Slow
) -> None:
    owner = await start_session(application.accounts, user)
    change = asyncio.create_task(slow.accounts.change_password(owner, PASSWORD, "a third harbour"))
    await slow.gate.reached()

    await application.accounts.set_password(user.email, NEW_PASSWORD)
    slow.gate.release()

    with pytest.raises(InvalidCredentials):
        await change
    await start_session(application.accounts, user, NEW_PASSWORD)


async def test_ended_session_changes_no_password(application: Application, user: User, slow: Slow) -> None:
    thief, owner = [await start_session(application.accounts, user) for _ in range(2)]
    change = asyncio.create_task(slow.accounts.change_password(thief, PASSWORD, NEW_PASSWORD))
    await slow.gate.reached()

    await application.accounts.end_session(owner, thief.session_id, PASSWORD)
    slow.gate.release()

    with pytest.raises(NotAuthenticated):
        await change
    assert await sessions_of(application, user) == {owner.session_id}
    await start_session(application.accounts, user)


@pytest.mark.parametrize("all_others", [True, False])
async def test_replaced_password_ends_no_session(
    application: Application, user: User, slow: Slow, all_others: bool
) -> None:
    thief, owner = [await start_session(application.accounts, user) for _ in range(2)]
    ending = asyncio.create_task(
        slow.accounts.end_other_sessions(thief, PASSWORD)
        if all_others
        else slow.accounts.end_session(thief, owner.session_id, PASSWORD)
    )
    await slow.gate.reached()

    await change_password(application, owner)
    slow.gate.release()

    with pytest.raises(InvalidCredentials):
        await ending
    assert await sessions_of(application, user) == {owner.session_id}


async def test_disabled_user_creates_no_video(application: Application, user: User) -> None:
    """The request was allowed before the account was disabled."""
    await start_session(application.accounts, user)
    await application.user_admin.disable(user.id)

    with pytest.raises(NotAuthenticated):
        await application.uploads.create(user.id, "harbour.mp4", 1024, "video/mp4", None)

    async with application.database.reading() as session:
        assert (await session.scalars(select(Video.id))).all() == []


# --- many orders ------------------------------------------------------------------------------------------------


@CHANGES
async def test_no_session_outlives_the_change(
    application: Application, make_user: MakeUser, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "HASHES_OF_ONE", SIGN_INS + 1)
    chance = random.Random(f"{SEED} {change.__name__}")  # noqa: S311  # an order that can be drawn again
    survivors = []
    for start in range(STARTS):
        user = await make_user()
        owner = await start_session(application.accounts, user)
        await _change_while_signing_in(application, owner, change, chance)
        kept = {owner.session_id} if change is change_password else set()
        if await sessions_of(application, user) != kept:
            survivors.append(start)
    assert survivors == []


async def _change_while_signing_in(
    application: Application, owner: Caller, change: Change, chance: random.Random
) -> None:
    changed = False

    async def sign_in_until_changed() -> None:
        is_last = False
        while not is_last:
            is_last = changed
            try:
                await application.accounts.sign_in(owner.user.email, PASSWORD, "bearer", None)
            except SlipwayError:
                continue

    async def change_after(turns: int) -> None:
        nonlocal changed
        for _ in range(turns):
            await asyncio.sleep(0)
        try:
            await change(application, owner)
        finally:
            changed = True

    async with asyncio.TaskGroup() as group:
        for _ in range(SIGN_INS):
            group.create_task(sign_in_until_changed())
        group.create_task(change_after(chance.choice((0, 1, 10, 30, 100))))


# --- statements that wait for each other ------------------------------------------------------------------------
# SQLite has one writer at a time, so only PostgreSQL has these orders.


@pytest.fixture
async def two_databases(postgres: PostgresDatabases) -> AsyncIterator[tuple[Database, Database]]:
    url = postgres.new()
    both = Database(url), Database(url)
    yield both
    for database in both:
        await database.close()
    postgres.discard(url)


async def _insert_user(database: Database, clock: FakeClock) -> User:
    user = User(
        email="user@example.com",
        email_key="user@example.com",
        password_hash="the verified one",
        is_active=True,
        reserved_bytes=0,
        created_at=clock.now(),
    )
    async with database.transaction() as session:
        await users.insert(session, user)
    return user


def _session_of(user: User, clock: FakeClock) -> Session:
    now = clock.now()
    return Session(
        user_id=user.id, token_hash="x", kind="bearer", created_at=now, last_seen_at=now, expires_at=now
    )


async def _insert_session(database: Database, clock: FakeClock, user: User) -> bool:
    async with database.transaction() as session:
        return await sessions.insert_if_unchanged(session, _session_of(user, clock), user)


async def _replace_password(session: AsyncSession, user: User) -> None:
    await users.set_password_hash(session, user.id, "a new one")
    await sessions.delete_of(session, user.id)


async def _count_sessions(database: Database) -> int:
    async with database.reading() as session:
        return len((await session.scalars(select(col(Session.id)))).all())


async def test_sign_in_waits_for_change_of_password(
    two_databases: tuple[Database, Database], clock: FakeClock
) -> None:
    first, second = two_databases
    user = await _insert_user(first, clock)

    async with first.transaction() as session:
        await _replace_password(session, user)
        signing_in = asyncio.create_task(_insert_session(second, clock, user))
        assert await waits_for_lock(signing_in, first)

    assert await signing_in is False
    assert await _count_sessions(first) == 0


async def test_change_of_password_waits_for_sign_in(
    two_databases: tuple[Database, Database], clock: FakeClock
) -> None:
    first, second = two_databases
    user = await _insert_user(first, clock)

    async def change() -> None:
        async with second.transaction() as session:
            await _replace_password(session, user)

    async with first.transaction() as session:
        assert await sessions.insert_if_unchanged(session, _session_of(user, clock), user)
        changing = asyncio.create_task(change())
        assert await waits_for_lock(changing, first)

    await changing
    assert await _count_sessions(first) == 0


async def test_change_of_password_locks_out_sign_ins_before_it_writes(
    two_databases: tuple[Database, Database], clock: FakeClock
) -> None:
    first, second = two_databases
    user = await _insert_user(first, clock)

    async with first.transaction() as session:
        assert await users.lock_unchanged(session, user)
        signing_in = asyncio.create_task(_insert_session(second, clock, user))
        assert await waits_for_lock(signing_in, first)
        await _replace_password(session, user)

    assert await signing_in is False
    assert await _count_sessions(first) == 0
