"""Who may create an account, and how many accounts there may be."""

import asyncio
from pathlib import Path

import pytest

from app.bootstrap import Application
from app.core.config import Settings
from app.domain.errors import EmailTaken, PasswordTooWeak, RegistrationClosed, TooManyAccounts
from app.models import User
from app.services.registration import RegistrationService
from tests.conftest import MakeUser
from tests.factories import PASSWORD, make_settings
from tests.fakes import FakeClock

LIMIT = 5


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return make_settings(database_url, tmp_path, max_accounts=LIMIT)


def closed(application: Application) -> RegistrationService:
    return RegistrationService(
        application.database, application.clock, application.hasher, allowed=False, max_accounts=None
    )


async def register(application: Application, name: str) -> User:
    return await application.registration.register(f"{name}@example.com", PASSWORD, None, address=name)


async def test_concurrent_registrations_reach_the_limit_exactly(application: Application) -> None:
    outcomes = await asyncio.gather(
        *(register(application, f"user{number}") for number in range(25)), return_exceptions=True
    )

    assert sum(isinstance(outcome, User) for outcome in outcomes) == LIMIT
    assert sum(isinstance(outcome, TooManyAccounts) for outcome in outcomes) == 25 - LIMIT


async def test_disabled_accounts_count(application: Application, make_user: MakeUser) -> None:
    for _ in range(LIMIT):
        await make_user(is_active=False)

    with pytest.raises(TooManyAccounts):
        await register(application, "late")


async def test_operator_keeps_to_the_limit(application: Application, make_user: MakeUser) -> None:
    for _ in range(LIMIT):
        await make_user()

    with pytest.raises(TooManyAccounts, match="MAX_ACCOUNTS"):
        await application.registration.create("late@example.com", PASSWORD, None)


async def test_is_open_until_the_limit(
    application: Application, make_user: MakeUser, clock: FakeClock
) -> None:
    for _ in range(LIMIT - 1):
        await make_user()
    assert await application.registration.is_open()

    await make_user()
    clock.advance(seconds=1)

    assert not await application.registration.is_open()


async def test_closed_registration_tells_nothing_about_addresses(
    application: Application, user: User
) -> None:
    for email in (user.email, "new@example.com"):
        with pytest.raises(RegistrationClosed):
            await closed(application).register(email, "short", None)

    assert not await closed(application).is_open()


async def test_operator_creates_accounts_while_registration_is_closed(application: Application) -> None:
    made = await closed(application).create("ada@example.com", PASSWORD, None)

    assert (await application.accounts.sign_in(made.email, PASSWORD, "cookie", None)).user.id == made.id


async def test_taken_address_and_weak_password_are_told_at_the_limit(
    application: Application, make_user: MakeUser
) -> None:
    for number in range(LIMIT):
        await make_user(email=f"user{number}@example.com")

    with pytest.raises(EmailTaken):
        await register(application, "user0")
    with pytest.raises(PasswordTooWeak):
        await application.registration.register("late@example.com", "short", None)
