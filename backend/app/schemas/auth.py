"""Requests and answers of accounts and sessions."""

import unicodedata
import uuid
from datetime import datetime
from typing import Annotated, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


def _email(value: str) -> str:
    try:
        # Without a check of DNS, because an installation may use internal names.
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None


def _printable(value: str) -> str:
    # str.isprintable() rejects the wide space of Japanese names and the joiners of Persian names.
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise ValueError("control characters are not accepted")
    return value


Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(_email)]
FullName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_printable)
]
# The domain checks the length (password_too_weak). This limit only bounds the hash's input.
Password = Annotated[str, StringConstraints(max_length=1024)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class RegisterIn(_Request):
    email: Email
    password: Password
    full_name: FullName | None = None


class LoginIn(_Request):
    email: Annotated[str, StringConstraints(max_length=320)]
    password: Password


class ProfileIn(_Request):
    full_name: FullName | None


class PasswordIn(_Request):
    current_password: Password
    new_password: Password


class UserOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    email: str
    full_name: str | None
    created_at: datetime


class TokenOut(BaseModel):
    access_token: str
    token_type: Literal["bearer"]
    expires_at: datetime


class SessionOut(BaseModel):
    id: uuid.UUID
    kind: str
    user_agent: str | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    current: bool


class SessionListOut(BaseModel):
    items: list[SessionOut]
