"""Implementations of the Clock port."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from app.core.db import Database


class SystemClock:
    """This machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SharedClock:
    """This machine's clock, corrected to that of the database, for processes on several machines."""

    def __init__(self, own: SystemClock) -> None:
        self._own = own
        self._offset = timedelta()

    def now(self) -> datetime:
        return self._own.now() + self._offset

    async def set_by(self, database: Database) -> None:
        """Set the clock to within half a round trip, or raise DatabaseUnavailable and change nothing."""
        async with database.reading() as session:
            sent = self._own.now()
            time: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
            received = self._own.now()
        self._offset = time - (sent + (received - sent) / 2)
