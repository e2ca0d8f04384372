"""Refuse a DATABASE_URL in which a special character of the password moves the place where the host begins.

Otherwise a piece of the password is looked up as a host's name, and appears in the error. No message here repeats the
value.
"""

import re
from typing import Final

from psycopg.pq import Conninfo
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

_SQLITE: Final = "sqlite+aiosqlite:///"
_POSTGRESQL: Final = "postgresql+psycopg://"
_USER: Final = re.compile(r"(?:[^:/]*(?::[^@]*)?@)?")
"""User and password, as SQLAlchemy finds them."""
_ENCODE: Final = "Percent-encode special characters, for example @ as %40, / as %2F, ? as %3F and % as %25"


def check(url: str) -> None:
    """Raise ValueError if this is no address of a database."""
    if not url:
        return
    if not url.startswith((_SQLITE, _POSTGRESQL)):
        raise ValueError(f"it begins with {_POSTGRESQL} or {_SQLITE}, or is empty")
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(
            f"it is not an address like {_POSTGRESQL}user:password@host:5432/name. {_ENCODE}"
        ) from None
    if url.startswith(_POSTGRESQL):
        _check_behind_user(_USER.sub("", url.removeprefix(_POSTGRESQL), count=1))


def _check_behind_user(rest: str) -> None:
    host_and_name, _, query = rest.partition("?")
    if "@" in host_and_name:
        raise ValueError(f"it has an @ behind the one before its host. {_ENCODE}")
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    given = [pair.partition("=")[0] for pair in query.split("&") if pair]
    if not known.issuperset(given):
        raise ValueError(f"behind its ? is a parameter that PostgreSQL's client doesn't know. {_ENCODE}")
