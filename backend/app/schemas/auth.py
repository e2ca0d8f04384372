"""Requests and answers of accounts and sessions."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from app.domain.email_address import MAX_EMAIL_CHARACTERS
from app.schemas.texts import printable


def _email(value: str) -> str:
    try:
        # Without a check of DNS, because an installation may use internal names.
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None


Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(_email)]
FullName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(printable)
]
# The domain checks the length (password_too_weak). This limit only bounds the hash's input.
Password = Annotated[str, StringConstraints(max_length=1024), Field(repr=False)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class RegisterIn(_Request):
    email: Email
    password: Password
    full_name: FullName | None = None


class LoginIn(_Request):
    email: Annotated[str, StringConstraints(max_length=MAX_EMAIL_CHARACTERS)]
    password: Password


class ProfileIn(_Request):
    full_name: FullName | None


class PasswordIn(_Request):
    current_password: Password
    new_password: Password


class ConfirmationIn(_Request):
    password: Password


class UserOut(BaseModel):
    id: uuid.UUID
    email: str
    full_name: str | None
    reserved_bytes: int
    """The space that the user's videos use, with those that are being removed."""
    quota_bytes: int
    created_at: datetime


class SignedInOut(BaseModel):
    user: UserOut | None


class TokenOut(BaseModel):
    access_token: str = Field(repr=False)
    token_type: Literal["bearer"]
    expires_at: datetime


class SessionOut(BaseModel):
    id: uuid.UUID
    kind: str
    user_agent: str | None
    address: str | None
    """Where it was last used. Of IPv6 it is the /64."""
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    current: bool


class SessionListOut(BaseModel):
    items: list[SessionOut]
