"""Decide which changes an answer lists, if a page has an earlier answer.

Each change that a person can see stores its time, before its transaction commits and by the clock of its process. A
change may therefore be committed, and be seen for the first time, after an answer with a later time. So an answer goes
back by OVERLAP, and lists some changes twice.
"""

from datetime import datetime, timedelta
from typing import Final

from app.domain.recheck import RECHECK_AFTER

OVERLAP: Final = timedelta(seconds=60)
"""More than a transaction takes and clocks differ. Transactions wait for nothing but the database, 3 s a statement."""
MAX_AGE: Final = RECHECK_AFTER - OVERLAP
"""How old the earlier answer may be. The row of a deleted video stays for RECHECK_AFTER, so that all changes since
this time and the overlap are still there."""
MAX_CHANGES: Final = 200
"""More are not listed, because loading the list anew costs less."""


def listed_from(since: datetime, now: datetime) -> datetime | None:
    """Return from when on changes are listed, or None if the earlier answer is too old or of the future."""
    if not now - MAX_AGE <= since <= now + OVERLAP:
        return None
    return since - OVERLAP
