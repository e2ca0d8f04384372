"""How many videos the audit has failed within a day, kept by the hour: by then their owners may have deleted them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

LOSSES_ADD_UP = timedelta(days=1)
"""What the brake counts together: within it each video is asked for once, however few of them at a time."""
_HOUR = timedelta(hours=1)
_FORMAT = "%Y-%m-%dT%H"


def with_one_more(losses: Mapping[str, int], now: datetime) -> dict[str, int]:
    """Hours that do not count any more are left out: what is kept stays small."""
    recent = _recent(losses, now)
    hour = now.astimezone(UTC).strftime(_FORMAT)
    return {**recent, hour: recent.get(hour, 0) + 1}


def within_a_day(losses: Mapping[str, int], now: datetime) -> int:
    return sum(_recent(losses, now).values())


def _recent(losses: Mapping[str, int], now: datetime) -> dict[str, int]:
    return {hour: count for hour, count in losses.items() if _end_of(hour) > now - LOSSES_ADD_UP}


def _end_of(hour: str) -> datetime:
    return datetime.strptime(hour, _FORMAT).replace(tzinfo=UTC) + _HOUR
