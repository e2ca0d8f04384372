"""Decide when a missing object counts as gone.

A store may answer 404 for an object that exists, for example from a stale cache or after a failover. One 404 therefore
decides nothing. The object is gone if a second check, RECHECK_AFTER later, does not find it either.
"""

from datetime import datetime, timedelta
from typing import Final

RECHECK_AFTER: Final = timedelta(minutes=5)
"""Time between two checks that together give up an object or confirm a removal.

Two checks fit into the 10 minutes within which a vanished object is settled. SWEEP_INTERVAL_SECONDS may be longer.
"""


def is_gone(missing_since: datetime | None, now: datetime) -> bool:
    """Return whether a check at `now` that found nothing is final.

    `missing_since` is the time of the first check in a row that found nothing, or None if this is the first.
    """
    return missing_since is not None and now - missing_since >= RECHECK_AFTER
