"""Test POST /auth/register."""

import asyncio
import uuid

import httpx
import pytest
from sqlmodel import col, select

from app.bootstrap import Application
from app.models import User
from tests.api.shapes import API, USER_FIELDS, assert_error, assert_time, with_settings
from tests.factories import APP_URL, PASSWORD

REGISTER = f"{API}/auth/register"
LOGIN = f"{API}/auth/login"

# Both spellings name one account.
SAME_ADDRESS = [
    ("alice@example.com", "ALICE@example.com"),
    ("Alice@Example.COM", "aLICE@eXAMPLE.com"),
    ("straße@example.com", "STRASSE@example.com"),
    ("alice@bücher.example", "alice@xn--bcher-kva.example"),
    ("caf\u00e9@example.com", "cafe\u0301@example.com"),
]
NO_ADDRESS = [
    "",
    "alice",
    "@example.com",
    "alice@",
    "alice@@example.com",
    "alice example.com",
    "alice@exam ple.com",
    "alice@example..com",
    ".alice@example.com",
    "alice@-example.com",
    "alice\n@example.com",
    "alice@example.com\n",
    "alice\x00@example.com",
    "Alice <alice@example.com>",
    "alice@example.com,bob@example.com",
    "alice@" + "e" * 250 + ".com",
]

GOOD_PASSWORDS = {
    "eight characters": "kettle47",
    "small letters only": "quietharbourlamp",
    "digits only": "8264019375",
    "one word": "thunderous",
    "a sentence": "the lamp on the pier is green",
    "sixty-four characters": "long" * 16,
    "one hundred and twenty-eight characters": "harbour!" * 16,
    "Cyrillic": "тихая гавань",
    "Chinese, eight characters": "安静的港口灯塔下",
    "emoji": "🚢🌊🏝️⚓🐙🦀🐚🧭",
    "combining marks": "cafe\u0301 cre\u0300me",
    "leading and trailing space": "  spaced out  ",
    "quotes and braces": "'\"{{7*7}}${x}<b>",
    "a newline and a tab": "line one\n\ttwo",
    "a NUL": "before\x00after",
}
WEAK_PASSWORDS = {
    "empty": "",
    "one character": "x",
    "seven characters": "kettle4",
    "seven wide characters": "安静的港口灯塔",
    "one hundred and twenty-nine characters": "harbour!" * 16 + "x",
    "the most common one": "password",
    "in capitals": "PASSWORD",
    "common with digits": "password1",
    "a row of keys": "qwertyuiop",
    "digits in a row": "12345678",
    "iloveyou": "iloveyou",
    "one letter repeated": "zzzzzzzzzzzz",
    "the product's name": "slipway123",
    "the account's address": "keeper.of.light@example.com",
    "the address in capitals": "KEEPER.OF.LIGHT@EXAMPLE.COM",
    "the mailbox": "keeper.of.light",
}


async def test_returns_new_user(application: Application, browser: httpx.AsyncClient) -> None:
    answer = await browser.post(
        REGISTER, json={"email": "alice@example.com", "password": PASSWORD, "full_name": "Alice"}
    )
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == USER_FIELDS
    assert body["email"] == "alice@example.com"
    assert body["full_name"] == "Alice"
    assert assert_time(body["created_at"]) == application.clock.now()
    uuid.UUID(body["id"])


async def test_registering_creates_no_session(browser: httpx.AsyncClient) -> None:
    answer = await browser.post(REGISTER, json={"email": "alice@example.com", "password": PASSWORD})
    assert "set-cookie" not in answer.headers
    assert_error(await browser.get(f"{API}/auth/me"), 401, "not_authenticated")


async def test_stores_argon2id_hash_only(application: Application, browser: httpx.AsyncClient) -> None:
    await browser.post(REGISTER, json={"email": "alice@example.com", "password": PASSWORD})
    async with application.database.reading() as session:
        row = (await session.scalars(select(User))).one()
    assert row.password_hash.startswith("$argon2id$")
    assert PASSWORD not in str(row.model_dump())


@pytest.mark.parametrize(("first", "second"), SAME_ADDRESS)
async def test_refuses_equivalent_addresses(browser: httpx.AsyncClient, first: str, second: str) -> None:
    assert (await browser.post(REGISTER, json={"email": first, "password": PASSWORD})).status_code == 201
    for again in (first, second):
        answer = await browser.post(REGISTER, json={"email": again, "password": "another quiet harbour"})
        assert_error(answer, 409, "email_taken")
    # The first user's password is valid with both spellings.
    for spelling in (first, second):
        answer = await browser.post(LOGIN, json={"email": spelling, "password": PASSWORD})
        assert answer.status_code == 200, spelling


async def test_limits_address_length(subtests: pytest.Subtests, browser: httpx.AsyncClient) -> None:
    """Case folding turns some letters into three."""
    for local in ["a" * 200, "\u0390" * 115, "\ufb03" * 70, "ß" * 115]:
        with subtests.test(local=str(local)[:60]):
            body = {"email": f"{local}@example.com", "password": PASSWORD}
            answer = await browser.post(REGISTER, json=body)
            assert answer.status_code in (201, 422)
            if answer.status_code == 201:
                assert (await browser.post(LOGIN, json=body)).status_code == 200


async def test_one_concurrent_registration_succeeds(browser: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(
            browser.post(REGISTER, json={"email": email, "password": PASSWORD})
            for email in ("alice@example.com", "ALICE@example.com", "Alice@example.com")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    for answer in answers:
        if answer.status_code == 409:
            assert_error(answer, 409, "email_taken")


async def test_refuses_invalid_addresses(subtests: pytest.Subtests, browser: httpx.AsyncClient) -> None:
    for email in NO_ADDRESS:
        with subtests.test(email=str(email)[:60]):
            answer = await browser.post(REGISTER, json={"email": email, "password": PASSWORD})
            body = assert_error(answer, 422, "validation_error")
            assert body["errors"][0]["loc"] == ["body", "email"]


async def test_accepts_any_password_characters(subtests: pytest.Subtests, browser: httpx.AsyncClient) -> None:
    for made_of, password in GOOD_PASSWORDS.items():
        with subtests.test(made_of):
            body = {"email": f"{uuid.uuid4().hex}@example.com", "password": password}
            assert (await browser.post(REGISTER, json=body)).status_code == 201
            assert (await browser.post(LOGIN, json=body)).status_code == 200


async def test_refuses_weak_passwords(subtests: pytest.Subtests, browser: httpx.AsyncClient) -> None:
    for weakness, password in WEAK_PASSWORDS.items():
        with subtests.test(weakness):
            body = {"email": "keeper.of.light@example.com", "password": password}
            found = assert_error(await browser.post(REGISTER, json=body), 422, "password_too_weak")
            assert found["detail"].startswith(
                ("Choose a password of 8 to 128 characters", "This password is too common")
            )
            assert_error(await browser.post(LOGIN, json=body), 401, "invalid_credentials")


async def test_refuses_long_password_without_hashing(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    application: Application,
) -> None:
    for length in [129, 1024, 1025, 60_000]:
        with subtests.test(length=str(length)[:60]):

            async def hashed(_password: str, _whom: object) -> str:
                raise AssertionError("it was hashed")

            monkeypatch.setattr(application.hasher, "hash", hashed)
            answer = await browser.post(
                REGISTER,
                json={"email": "a@example.com", "password": "q7" * (length // 2) + "x" * (length % 2)},
            )
            assert answer.status_code == 422
            assert answer.json()["code"] in ("password_too_weak", "validation_error")


@pytest.mark.parametrize(
    ("right", "nearly"),
    [
        ("harbour!" * 9 + "A", "harbour!" * 9 + "B"),  # bcrypt ignores bytes after the 72nd
        ("a quiet harbour", "A quiet harbour"),
        ("a quiet harbour", "a quiet harbour "),
        ("before\x00after", "before\x00other"),
        ("caf\u00e9 on the pier", "cafe on the pier"),
    ],
)
async def test_compares_whole_password(browser: httpx.AsyncClient, right: str, nearly: str) -> None:
    await browser.post(REGISTER, json={"email": "alice@example.com", "password": right})
    answer = await browser.post(LOGIN, json={"email": "alice@example.com", "password": nearly})
    assert_error(answer, 401, "invalid_credentials")
    answer = await browser.post(LOGIN, json={"email": "alice@example.com", "password": right})
    assert answer.status_code == 200


async def test_stores_full_name_unchanged(subtests: pytest.Subtests, browser: httpx.AsyncClient) -> None:
    for given, kept in [
        ("Alice", "Alice"),
        ("  Alice Liddell ", "Alice Liddell"),
        (None, None),
        ("山田　太郎", "山田　太郎"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("O'Brien-Nuñez, Jr.", "O'Brien-Nuñez, Jr."),
        ("<b>x</b>", "<b>x</b>"),
        ("n" * 200, "n" * 200),
    ]:
        with subtests.test(given=str(given)[:60], kept=str(kept)[:60]):
            body = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD, "full_name": given}
            answer = await browser.post(REGISTER, json=body)
            assert answer.status_code == 201
            assert answer.json()["full_name"] == kept


async def test_refuses_invalid_full_names(subtests: pytest.Subtests, browser: httpx.AsyncClient) -> None:
    for name in ["", "   ", "n" * 201, "Al\x00ice", "Al\r\nice", "Al\x1b[2Jice", "Al\u2028ice", 7, ["x"]]:
        with subtests.test(name=str(name)[:60]):
            body = {"email": "alice@example.com", "password": PASSWORD, "full_name": name}
            found = assert_error(await browser.post(REGISTER, json=body), 422, "validation_error")
            assert found["errors"][0]["loc"] == ["body", "full_name"]


async def test_refused_registration_changes_nothing(
    application: Application, browser: httpx.AsyncClient
) -> None:
    await browser.post(REGISTER, json={"email": "alice@example.com", "password": PASSWORD, "full_name": "A"})
    async with application.database.reading() as session:
        before = [row.model_dump() for row in await session.scalars(select(User))]
    await browser.post(
        REGISTER, json={"email": "alice@example.com", "password": "x" * 7 + "yz", "full_name": "B"}
    )
    async with application.database.reading() as session:
        after = [row.model_dump() for row in await session.scalars(select(User).order_by(col(User.id)))]
    assert after == before


async def test_registers_without_origin(client: httpx.AsyncClient) -> None:
    """An API client sends no Origin header."""
    first = await client.post(REGISTER, json={"email": "a@example.com", "password": PASSWORD})
    second = await client.post(
        REGISTER, json={"email": "b@example.com", "password": PASSWORD}, headers={"Origin": APP_URL}
    )
    assert (first.status_code, second.status_code) == (201, 201)


@with_settings(registration="closed")
async def test_closed_registration_is_refused(browser: httpx.AsyncClient, user: User) -> None:
    for email in (user.email, "new@example.com"):
        answer = await browser.post(REGISTER, json={"email": email, "password": PASSWORD})
        assert_error(answer, 403, "registration_closed")


@with_settings(max_accounts=1)
async def test_account_over_the_limit_is_refused(browser: httpx.AsyncClient) -> None:
    assert (
        await browser.post(REGISTER, json={"email": "a@example.com", "password": PASSWORD})
    ).status_code == 201
    answer = await browser.post(REGISTER, json={"email": "b@example.com", "password": PASSWORD})
    assert_error(answer, 409, "too_many_accounts")
