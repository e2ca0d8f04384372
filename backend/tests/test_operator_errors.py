"""What an operator is told of a database that refuses the connection or a change."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from app.core import schema
from app.core.db import Database
from app.core.operator_errors import reason_for, sentence_for
from app.domain.errors import DatabaseUnavailable
from tests.databases import PostgresDatabases


def said(reason: str) -> str | None:
    return sentence_for(OperationalError("", {}, Exception(f"{reason}\nmore")))


def test_wrong_password_asks_for_the_encoding() -> None:
    reason = 'connection failed: FATAL:  password authentication failed for user "slipway"'

    assert said(reason) == (
        f"DATABASE_URL: the database cannot be opened ({reason}). Are special characters of the password "
        "percent-encoded (% as %25)?"
    )


def test_other_refusals_say_only_the_reason() -> None:
    assert said("connection refused") == "DATABASE_URL: the database cannot be opened (connection refused)."


def said_of_an_upgrade(url: str) -> str | None:
    with pytest.raises(DBAPIError) as caught:
        schema.upgrade(url)
    return sentence_for(caught.value)


def test_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "slipway.db"
    file.write_bytes(b"no database" * 100)

    assert said_of_an_upgrade(f"sqlite+aiosqlite:///{file}") == (
        "DATABASE_URL: the database cannot be used (file is not a database)."
    )


def test_corrupt_database(tmp_path: Path) -> None:
    file = tmp_path / "slipway.db"
    url = f"sqlite+aiosqlite:///{file}"
    schema.upgrade(url)
    written = file.read_bytes()
    file.write_bytes(written[:100] + b"\xff" * (len(written) - 100))

    assert said_of_an_upgrade(url) == (
        "DATABASE_URL: the database cannot be used (database disk image is malformed)."
    )


def test_read_only_server(postgres: PostgresDatabases) -> None:
    url = postgres.new_without_schema()
    name = url.partition("?")[0].rpartition("/")[2]
    postgres.server.psql(name, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')

    assert said_of_an_upgrade(url) == (
        "DATABASE_URL: the database cannot be used (cannot execute CREATE TABLE in a read-only transaction)."
    )


def test_role_without_rights(postgres: PostgresDatabases) -> None:
    url = postgres.new_without_schema()
    name = url.partition("?")[0].rpartition("/")[2]
    postgres.server.psql(name, "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")

    assert said_of_an_upgrade(url.replace("//slipway@", "//reader@")) == (
        "DATABASE_URL: the database cannot be used (permission denied for schema public)."
    )


async def test_refused_change_says_what_the_driver_says(tmp_path: Path) -> None:
    file = tmp_path / "slipway.db"
    file.touch()
    database = Database(f"sqlite+aiosqlite:///file:{file}?mode=ro&uri=true")
    reason = "attempt to write a readonly database"
    try:
        with pytest.raises(DatabaseUnavailable) as caught:
            async with database.transaction() as session:
                await session.execute(text("SELECT 'a parameter'"))
    finally:
        await database.close()

    assert reason_for(caught.value) == reason
    assert sentence_for(caught.value) == f"The database cannot be used ({reason})."
    assert reason not in caught.value.detail, "which HTTP answers have"


def test_reason_has_no_statement() -> None:
    error = DatabaseUnavailable()
    driver = Exception("canceling statement due to statement timeout\nLINE 1: SELECT secret")
    error.__cause__ = OperationalError("SELECT secret", {"of": "a user"}, driver)

    assert reason_for(error) == "canceling statement due to statement timeout"


def test_silence_has_a_reason_too() -> None:
    error = DatabaseUnavailable()
    error.__cause__ = TimeoutError()

    assert reason_for(error) == "TimeoutError"
