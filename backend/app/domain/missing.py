"""When an object that a look did not find counts as gone: at a second look in a row, some time after the first.

A store may answer 404 for a moment while the object is there: a stale cache, a failover. What was acknowledged is not
given up for one answer.
"""

from datetime import datetime, timedelta


def is_gone(missing_since: datetime | None, now: datetime, looks_apart: timedelta) -> bool:
    """Whether a look at `now` that found nothing decides; `missing_since`: the first in a row that found nothing."""
    return missing_since is not None and now - missing_since >= looks_apart
