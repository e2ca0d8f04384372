"""Tell an operator in one sentence what to correct."""

from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy.exc import OperationalError

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
            return f"DATABASE_URL: the database cannot be opened ({str(error.orig).strip().splitlines()[0]})."
        case OSError():
            return f"SLIPWAY_DATA_DIR: {error.filename or 'the folder'} cannot be used ({error.strerror})."
    return None
