"""Compare e-mail addresses."""

import unicodedata
from typing import Final

from email_validator import EmailNotValidError, validate_email

from app.domain.errors import InvalidRequest

MAX_EMAIL_CHARACTERS: Final = 320
"""64 of the mailbox, @ and 255 of the domain (RFC 3696 section 3). The columns have room for it."""


def email_key(email: str) -> str:
    """Return the form that accounts are compared by, without case and with one encoding of letters and domain.

    Raise InvalidRequest if the address or this form has more than 320 characters.
    """
    # Before the NFC below and in validate_email, because it sorts a run of combining marks in quadratic time (UAX #15).
    _require_short(email)
    try:
        email = validate_email(email, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        pass  # an operator may create an account with any name
    key = unicodedata.normalize("NFC", email.casefold())
    _require_short(key)  # case folding makes up to three letters of one
    return key


def _require_short(email: str) -> None:
    if len(email) > MAX_EMAIL_CHARACTERS:
        raise InvalidRequest(
            f"This e-mail address is longer than {MAX_EMAIL_CHARACTERS} characters. Check it and try again.",
            ["body"],
            f"an e-mail address has at most {MAX_EMAIL_CHARACTERS} characters",
        )
