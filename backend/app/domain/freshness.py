"""Decide whether an answer may be given again instead of a new one."""

from datetime import UTC, datetime, timedelta
from typing import Final

NEVER: Final = datetime.min.replace(tzinfo=UTC)


def is_fresh(made_at: datetime, now: datetime, kept_for: timedelta) -> bool:
    """Return False also if the clock was set back, because the answer could then be given for hours."""
    return timedelta(0) <= now - made_at < kept_for
