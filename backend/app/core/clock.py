"""The time of day, as a value that tests can hold still."""

from datetime import UTC, datetime


class SystemClock:
    """The Clock port over this machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)
