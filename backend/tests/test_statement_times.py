"""The time of each statement is measured by its kind and outcome."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.db import Database
from app.domain.errors import DatabaseUnavailable


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url)
    yield made
    await made.close()


def measured(statement: str, outcome: str) -> float:
    labels = {"statement": statement, "outcome": outcome}
    return REGISTRY.get_sample_value("slipway_database_seconds_count", labels) or 0.0


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT 1", "select"),
        ("select 1", "select"),
        ("UPDATE users SET is_active = is_active", "update"),
        ("DELETE FROM sessions", "delete"),
        ("CREATE TABLE of_a_test (id integer)", "other"),
    ],
)
async def test_measures_by_kind(database: Database, statement: str, kind: str) -> None:
    before = measured(kind, "ok")

    async with database.transaction() as session:
        await session.execute(text(statement))
        assert measured(kind, "ok") > before
        await session.rollback()


async def test_a_statement_that_fails_is_an_error(database: Database) -> None:
    before = measured("select", "error")

    with pytest.raises((DBAPIError, DatabaseUnavailable)):
        async with database.reading() as session:
            await session.execute(text("SELECT nothing FROM users"))

    assert measured("select", "error") == before + 1
