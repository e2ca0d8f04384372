"""Tell an operator in one sentence what to correct."""

import sqlite3

from botocore.exceptions import BotoCoreError, ClientError
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction
from sqlalchemy.exc import DBAPIError, OperationalError

from app.core.storage_causes import cause_of
from app.domain.errors import SlipwayError, StorageUnavailable


class OperatorError(Exception):
    """An operator can correct this. `str(error)` says how."""


def sentence_for(error: Exception) -> str | None:
    """Return what to tell the operator, or None if the error is a defect."""
    match error:
        case StorageUnavailable() | ClientError() | BotoCoreError():
            return f"The store cannot be used. {cause_of(error)}"
        case SlipwayError() | OperatorError():
            return str(error)
        case OperationalError():
            reason = _reason(error)
            return f"DATABASE_URL: the database cannot be opened ({reason}).{_hint(reason)}"
        case (
            DBAPIError(orig=InsufficientPrivilege() | ReadOnlySqlTransaction())
            | DBAPIError(orig=sqlite3.Error(sqlite_errorcode=sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT))
        ):
            return f"DATABASE_URL: the database cannot be used ({_reason(error)})."
        case OSError():
            # What is printed has no file name. Neither has what is written to a full disk.
            return f"{error.filename or 'The output or a file'}: {error.strerror}."
    return None


def _reason(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]


def _hint(reason: str) -> str:
    # A % with two digits behind it is taken for an encoded character.
    wrong = "password authentication failed" in reason
    return " Are special characters of the password percent-encoded (% as %25)?" if wrong else ""
