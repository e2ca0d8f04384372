"""Decide whether code may run on a schema, by the IDs of both. docs/decisions/0017-old-code-on-a-newer-schema.md.

`0018_from_0016` is schema 18, on which the code of schema 16 and later runs. `0015` says no such thing, so only its own
code runs on it.
"""

import re
from enum import Enum, auto
from typing import Final

_ID: Final = re.compile(r"(\d{4})(?:_from_(\d{4}))?")


class Fit(Enum):
    """How a database's schema suits the code."""

    CURRENT = auto()
    OLDER = auto()
    """The code needs an upgrade of the database, which may be empty."""
    NEWER = auto()
    """A newer version made it, and said that this code runs on it."""
    TOO_NEW = auto()
    """A newer version or another program made it."""


def judge(database: str | None, code: str) -> Fit:
    """Compare the schema of a database, None for an empty one, with the newest that the code knows."""
    if database == code:
        return Fit.CURRENT
    if database is None:
        return Fit.OLDER
    found, own = _ID.fullmatch(database), _ID.fullmatch(code)
    if found is None or own is None:
        return Fit.TOO_NEW
    if found[1] < own[1]:
        return Fit.OLDER
    runs_from = found[2] or found[1]
    # The same number with another ID is of a version that was never released.
    return Fit.NEWER if runs_from <= own[1] < found[1] else Fit.TOO_NEW
