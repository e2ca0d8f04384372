"""Accounts and sign-ins: register, sign in, know who asks, sign out."""

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
"""A session notes its use at most this often: not one write for each request."""
_MAX_TOKEN_CHARACTERS = 128


@dataclass(frozen=True)
class SignIn:
    """A new session: the only moment its token is known to us."""

    user: User
    token: str
    expires_at: datetime


@dataclass(frozen=True)
class Caller:
    """Who asks, and through which session."""

    user: User
    session_id: uuid.UUID


class AccountService:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        hasher: PasswordHasher,
        *,
        idle: timedelta,
        absolute: timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher
        self._idle = idle
        self._absolute = absolute

    async def register(self, email: str, password: str, full_name: str | None) -> User:
        """A new account; raises PasswordTooWeak, EmailTaken, Overloaded."""
        check_password(password, email)
        async with self._database.reading() as session:
            if await users.get_by_email_key(session, email_key(email)):
                raise EmailTaken
        user = User(
            email=email,
            email_key=email_key(email),
            full_name=full_name,
            password_hash=await self._hasher.hash(password),
            is_active=True,
            reserved_bytes=0,
            created_at=self._clock.now(),
        )
        async with self._database.transaction() as session:
            await users.insert(session, user)
        return user

    async def sign_in(self, email: str, password: str, kind: str, user_agent: str | None) -> SignIn:
        """A new session; raises InvalidCredentials (the same for every reason) and Overloaded."""
        async with self._database.reading() as session:
            user = await users.get_by_email_key(session, email_key(email))
        # One hash whatever the reason, so that the time does not tell whether an account exists.
        fits = await self._hasher.verify(password, user.password_hash if user and user.is_active else None)
        if not fits or user is None:
            raise InvalidCredentials
        now = self._clock.now()
        token = new_session_token()
        row = Session(
            user_id=user.id,
            token_hash=hash_token(token),
            kind=kind,
            user_agent=user_agent[:200] if user_agent else None,
            created_at=now,
            last_seen_at=now,
            expires_at=now + self._absolute,
        )
        async with self._database.transaction() as session:
            await sessions.delete_ended(session, now, now - self._idle)
            await sessions.insert(session, row)
        return SignIn(user, token, row.expires_at)

    async def who_is(self, token: str) -> Caller:
        """The caller behind a session token; raises NotAuthenticated."""
        if not token or len(token) > _MAX_TOKEN_CHARACTERS:
            raise NotAuthenticated
        now = self._clock.now()
        async with self._database.reading() as session:
            found = await sessions.get_with_user(session, hash_token(token))
        if found is None:
            raise NotAuthenticated
        row, user = found
        if now >= row.expires_at or now >= row.last_seen_at + self._idle or not user.is_active:
            raise NotAuthenticated
        if now >= row.last_seen_at + _SEEN_EVERY:
            async with self._database.transaction() as session:
                await sessions.touch(session, row.id, now)
        return Caller(user, row.id)

    async def sign_out(self, caller: Caller) -> None:
        async with self._database.transaction() as session:
            await sessions.delete_one(session, caller.session_id, caller.user.id)

    async def rename(self, caller: Caller, full_name: str | None) -> User:
        async with self._database.transaction() as session:
            await users.set_full_name(session, caller.user.id, full_name)
        caller.user.full_name = full_name
        return caller.user

    async def change_password(self, caller: Caller, current: str, new: str) -> None:
        """Ends the user's other sessions; raises InvalidCredentials, PasswordTooWeak, Overloaded."""
        if not await self._hasher.verify(current, caller.user.password_hash):
            raise InvalidCredentials("The current password is wrong. Check it and try again.")
        check_password(new, caller.user.email)
        encoded = await self._hasher.hash(new)
        async with self._database.transaction() as session:
            await users.set_password_hash(session, caller.user.id, encoded)
            await sessions.delete_of(session, caller.user.id, keep=caller.session_id)

    async def list_sessions(self, caller: Caller) -> list[Session]:
        now = self._clock.now()
        async with self._database.reading() as session:
            rows = await sessions.list_of(session, caller.user.id)
        return [row for row in rows if now < row.expires_at and now < row.last_seen_at + self._idle]

    async def end_session(self, caller: Caller, session_id: uuid.UUID) -> None:
        """Raises SessionNotFound."""
        async with self._database.transaction() as session:
            if not await sessions.delete_one(session, session_id, caller.user.id):
                raise SessionNotFound

    async def set_password(self, email: str, password: str) -> None:
        """By the operator: ends all of the user's sessions; raises InvalidCredentials for an unknown account."""
        check_password(password, email)
        encoded = await self._hasher.hash(password)
        async with self._database.transaction() as session:
            user = _known(await users.get_by_email_key(session, email_key(email)))
            await users.set_password_hash(session, user.id, encoded)
            await sessions.delete_of(session, user.id)

    async def disable(self, email: str) -> None:
        """By the operator: the account cannot sign in and its sessions end; its videos stay."""
        async with self._database.transaction() as session:
            user = _known(await users.get_by_email_key(session, email_key(email)))
            await users.disable(session, user.id)
            await sessions.delete_of(session, user.id)


def email_key(email: str) -> str:
    """The address as accounts are compared by: without case, and however its letters and domain are encoded."""
    try:
        email = validate_email(email, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        pass  # an operator may have made an account under any name
    # Composed again: folding takes some letters apart, and the column has no room for three of each.
    return unicodedata.normalize("NFC", email.casefold())


def _known(user: User | None) -> User:
    if user is None:
        raise InvalidCredentials("There is no account with this e-mail address.")
    return user
