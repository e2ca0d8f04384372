"""The time of day, as a value that tests can hold still."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from app.core.db import Database


class SystemClock:
    """The Clock port over this machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SharedClock:
    """The Clock port for processes on several machines: this one's clock, set by that of the database they share."""

    def __init__(self, own: SystemClock) -> None:
        self._own = own
        self._behind = timedelta()

    def now(self) -> datetime:
        return self._own.now() + self._behind

    async def set_by(self, database: Database) -> None:
        """To within half the time of a question to the database. Raises DatabaseUnavailable, and stays as it is."""
        async with database.reading() as session:
            asked = self._own.now()
            told: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
            answered = self._own.now()
        self._behind = told - (asked + (answered - asked) / 2)
