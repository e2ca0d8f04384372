"""Accounts and their sessions."""

import unicodedata
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from email_validator import EmailNotValidError, validate_email

from app.core.db import Database
from app.core.security import PasswordHasher, check_password, hash_token, new_session_token
from app.crud import sessions, users
from app.domain.errors import EmailTaken, InvalidCredentials, NotAuthenticated, SessionNotFound
from app.models import Session, User
from app.ports import Clock

_SEEN_EVERY = timedelta(minutes=1)
"""How often a session's use is stored, so that not every request writes."""
_MAX_TOKEN_CHARACTERS = 128


@dataclass(frozen=True)
class SignIn:
    """A new session. Its token is stored only as a hash."""

    user: User
    token: str
    expires_at: datetime


@dataclass(frozen=True)
class Caller:
    """Who sent a request, and in which session."""

    user: User
    session_id: uuid.UUID


@dataclass
class AccountService:
    """Register, sign in, identify the caller, sign out."""

    database: Database
    clock: Clock
    hasher: PasswordHasher
    idle: timedelta
    """A session unused for this long has ended."""
    absolute: timedelta
    """A session older than this has ended."""

    async def register(self, email: str, password: str, full_name: str | None) -> User:
        """Create an account. Raise PasswordTooWeak, EmailTaken or Overloaded."""
        check_password(password, email)
        async with self.database.reading() as session:
            if await users.get_by_email_key(session, email_key(email)):
                raise EmailTaken
        user = User(
            email=email,
            email_key=email_key(email),
            full_name=full_name,
            password_hash=await self.hasher.hash(password),
            is_active=True,
            reserved_bytes=0,
            created_at=self.clock.now(),
        )
        async with self.database.transaction() as session:
            await users.insert(session, user)
        return user

    async def sign_in(self, email: str, password: str, kind: str, user_agent: str | None) -> SignIn:
        """Start a session. Raise InvalidCredentials, whatever is wrong, or Overloaded."""
        async with self.database.reading() as session:
            user = await users.get_by_email_key(session, email_key(email))
        # One hash in any case, so that the time doesn't show whether an account exists.
        fits = await self.hasher.verify(password, user.password_hash if user and user.is_active else None)
        if not fits or user is None:
            raise InvalidCredentials
        now = self.clock.now()
        token = new_session_token()
        row = Session(
            user_id=user.id,
            token_hash=hash_token(token),
            kind=kind,
            user_agent=user_agent[:200] if user_agent else None,
            created_at=now,
            last_seen_at=now,
            expires_at=now + self.absolute,
        )
        async with self.database.transaction() as session:
            await sessions.delete_ended(session, now, now - self.idle)
            await sessions.insert(session, row)
        return SignIn(user, token, row.expires_at)

    async def who_is(self, token: str) -> Caller:
        """Return the caller of a session token. Raise NotAuthenticated."""
        if not token or len(token) > _MAX_TOKEN_CHARACTERS:
            raise NotAuthenticated
        now = self.clock.now()
        async with self.database.reading() as session:
            found = await sessions.get_with_user(session, hash_token(token))
        if found is None:
            raise NotAuthenticated
        row, user = found
        if now >= row.expires_at or now >= row.last_seen_at + self.idle or not user.is_active:
            raise NotAuthenticated
        if now >= row.last_seen_at + _SEEN_EVERY:
            async with self.database.transaction() as session:
                await sessions.touch(session, row.id, now)
        return Caller(user, row.id)

    async def sign_out(self, caller: Caller) -> None:
        async with self.database.transaction() as session:
            await sessions.delete_one(session, caller.session_id, caller.user.id)

    async def rename(self, caller: Caller, full_name: str | None) -> User:
        async with self.database.transaction() as session:
            await users.set_full_name(session, caller.user.id, full_name)
        caller.user.full_name = full_name
        return caller.user

    async def change_password(self, caller: Caller, current: str, new: str) -> None:
        """End the user's other sessions too. Raise InvalidCredentials, PasswordTooWeak or Overloaded."""
        if not await self.hasher.verify(current, caller.user.password_hash):
            raise InvalidCredentials("The current password is wrong. Check it and try again.")
        check_password(new, caller.user.email)
        encoded = await self.hasher.hash(new)
        async with self.database.transaction() as session:
            await users.set_password_hash(session, caller.user.id, encoded)
            await sessions.delete_of(session, caller.user.id, keep=caller.session_id)

    async def list_sessions(self, caller: Caller) -> list[Session]:
        now = self.clock.now()
        async with self.database.reading() as session:
            rows = await sessions.list_of(session, caller.user.id)
        return [row for row in rows if now < row.expires_at and now < row.last_seen_at + self.idle]

    async def end_session(self, caller: Caller, session_id: uuid.UUID) -> None:
        """Raise SessionNotFound if the caller has no such session."""
        async with self.database.transaction() as session:
            if not await sessions.delete_one(session, session_id, caller.user.id):
                raise SessionNotFound

    async def set_password(self, email: str, password: str) -> None:
        """End all of the user's sessions too. Raise PasswordTooWeak, or InvalidCredentials if there is no account."""
        check_password(password, email)
        encoded = await self.hasher.hash(password)
        async with self.database.transaction() as session:
            user = _known(await users.get_by_email_key(session, email_key(email)))
            await users.set_password_hash(session, user.id, encoded)
            await sessions.delete_of(session, user.id)

    async def disable(self, email: str) -> None:
        """Prevent sign-ins and end the sessions. The videos stay. Raise InvalidCredentials if there is no account."""
        async with self.database.transaction() as session:
            user = _known(await users.get_by_email_key(session, email_key(email)))
            await users.disable(session, user.id)
            await sessions.delete_of(session, user.id)


def email_key(email: str) -> str:
    """Return the form that accounts are compared by, without case and with one encoding of letters and domain."""
    try:
        email = validate_email(email, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        pass  # an operator may create an account with any name
    # Case folding decomposes some letters into three, which may exceed the column.
    return unicodedata.normalize("NFC", email.casefold())


def _known(user: User | None) -> User:
    if user is None:
        raise InvalidCredentials("There is no account with this e-mail address.")
    return user
