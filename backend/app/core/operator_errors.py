"""Tell an operator in one sentence what to correct."""

import sqlite3
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy.exc import DBAPIError, OperationalError

from app.core.storage_causes import cause_of
from app.domain.errors import DatabaseUnavailable, SlipwayError, StorageUnavailable, Unavailable

# PostgreSQL's read_only_sql_transaction and insufficient_privilege (its documentation, Appendix A), and SQLite's files
# that are no database or damaged.
_OF_OPERATORS: Final = frozenset({"25006", "42501", sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})


class OperatorError(Exception):
    """An operator can correct this. `str(error)` says how."""


def sentence_for(error: Exception) -> str | None:
    """Return what to tell the operator, or None if the error is a defect."""
    match error:
        case StorageUnavailable() | ClientError() | BotoCoreError():
            return f"The store cannot be used. {cause_of(error)}"
        case DatabaseUnavailable():
            return f"The database cannot be used ({reason_for(error)})."
        case SlipwayError() | OperatorError():
            return str(error)
        case OperationalError():
            reason = _first_line(error.orig)
            return f"DATABASE_URL: the database cannot be opened ({reason}).{_hint(reason)}"
        case DBAPIError(orig=cause) if _code(cause) in _OF_OPERATORS:
            return f"DATABASE_URL: the database cannot be used ({_first_line(cause)})."
        case OSError():
            # What is printed has no file name. Neither has what is written to a full disk.
            return f"{error.filename or 'The output or a file'}: {error.strerror}."
    return None


def reason_for(error: Unavailable) -> str:
    """Return why, for logs and commands.

    No HTTP answer may have it, because a database's driver names its host and its user.
    """
    cause = error.__cause__
    match error:
        case StorageUnavailable():
            return cause_of(error)
        case DatabaseUnavailable():
            # What the driver says. The error around it also has the statement.
            return _first_line(cause.orig if isinstance(cause, DBAPIError) else cause)
    return type(cause).__name__


def _code(error: BaseException | None) -> str | int | None:
    """Return the code that psycopg or sqlite3 gives an error."""
    return getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorcode", None)


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _hint(reason: str) -> str:
    # A % with two digits behind it is taken for an encoded character.
    wrong = "password authentication failed" in reason
    return " Are special characters of the password percent-encoded (% as %25)?" if wrong else ""
