"""Accounts and their sessions."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit_events import AuditEvent, by_caller, record, session_mark
from app.core.db import Database
from app.core.security import PasswordHasher, check_password, hash_place, hash_token, new_session_token
from app.crud import known_places, sessions, users
from app.domain.email_address import email_key
from app.domain.errors import InvalidCredentials, NotAuthenticated, SessionNotFound
from app.domain.limits import Guess
from app.models import Session, User
from app.ports import Clock
from app.services.account_deletion import AccountDeletion
from app.services.rate_limits import RateLimits

_SEEN_EVERY = timedelta(minutes=1)
"""How often a session's use is stored, so that not every request writes. A tenth of the idle time if that is less."""
_MAX_TOKEN_CHARACTERS = 128
MAX_SESSIONS_PER_USER = 100
"""A person has a few and scripts may leave some. More would be rows and list entries without bound."""
MAX_PLACES_PER_USER = 100
"""Whoever has many networks could fill the database with them."""
_PLACE_KNOWN_FOR = timedelta(days=90)
"""After the last sign-in from an address, whoever uses it next is a stranger."""
_WRONG_PASSWORD = "The password is wrong. Check it and try again."  # noqa: S105  # a sentence
_WRONG_CURRENT_PASSWORD = "The current password is wrong. Check it and try again."  # noqa: S105  # a sentence


@dataclass(frozen=True)
class SignIn:
    """A new session. Its token is stored only as a hash."""

    user: User
    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Caller:
    """Who sent a request, in which session, and from where."""

    user: User
    session_id: uuid.UUID
    kind: str = "bearer"
    """As the session has it."""
    address: str = ""
    """As domain/limits.py counts it."""


@dataclass
class AccountService:
    """Sign people in and out, identify the caller, and change or delete the account."""

    database: Database
    clock: Clock
    hasher: PasswordHasher
    idle: timedelta
    """A session unused for this long has ended."""
    absolute: timedelta
    """A session older than this has ended."""
    limits: RateLimits
    deletion: AccountDeletion

    async def sign_in(
        self,
        email: str,
        password: str,
        kind: str,
        user_agent: str | None,
        *,
        replaces: str | None = None,
        address: str = "",
    ) -> SignIn:
        """Start a session, and end the one whose token the request `replaces`.

        Beyond MAX_SESSIONS_PER_USER the user's least recently used one ends too.

        `address` is the client's, as domain/limits.py counts it. Raise InvalidCredentials, whatever is wrong,
        InvalidRequest for an address that no account can have, RateLimited or Overloaded.
        """
        account = email_key(email)
        async with self.database.reading() as session:
            found = await users.get_by_email_key(session, account)
            place = await self._known_place(session, found, address, replaces)
        user = await self._verify(found, password, Guess(account, address, place))
        now = self.clock.now()
        token = new_session_token()
        row = self._new_row(user, token, kind, user_agent, address, now)
        async with self.database.transaction() as session:
            if not await sessions.insert_if_unchanged(session, row, user):
                raise _refused(user)
            replaced = await sessions.delete_by_token(session, hash_token(replaces)) if replaces else []
            await sessions.delete_ended(session, now, now - self.idle)
            surplus = await sessions.delete_least_used(session, user.id, MAX_SESSIONS_PER_USER, row.id)
            await known_places.remember(session, user.id, hash_place(user.id, address), now)
            await known_places.delete_oldest(session, user.id, MAX_PLACES_PER_USER)
            await known_places.delete_before(session, now - _PLACE_KNOWN_FOR)
        by_caller(user.id, row.token_hash)
        record(AuditEvent.SIGNED_IN, user_id=user.id, session=session_mark(row.token_hash), kind=kind)
        record_ended(replaced, "replaced")
        record_ended(surplus, "too_many_sessions")
        return SignIn(user, token, row.expires_at)

    async def who_is(self, token: str, *, address: str = "") -> Caller:
        """Return the caller of a session token at this address. Raise NotAuthenticated."""
        if not token or len(token) > _MAX_TOKEN_CHARACTERS:
            raise NotAuthenticated
        now = self.clock.now()
        async with self.database.reading() as session:
            found = await sessions.get_with_user(session, hash_token(token))
        if found is None:
            raise NotAuthenticated
        row, user = found
        if not self._is_live(row, now) or not user.is_active:
            raise NotAuthenticated
        if now >= row.last_seen_at + min(_SEEN_EVERY, self.idle / 10):
            async with self.database.transaction() as session:
                await sessions.touch(session, row.id, now, address or None)
        by_caller(user.id, row.token_hash)
        return Caller(user, row.id, row.kind, address)

    async def sign_out(self, caller: Caller) -> None:
        async with self.database.transaction() as session:
            ended = await sessions.delete_one(session, caller.session_id, caller.user.id)
        record_ended(ended, "signed_out")

    async def rename(self, caller: Caller, full_name: str | None) -> User:
        async with self.database.transaction() as session:
            await users.set_full_name(session, caller.user.id, full_name)
        caller.user.full_name = full_name
        return caller.user

    async def change_password(self, caller: Caller, current: str, new: str) -> str | None:
        """End the user's other sessions too, and forget its other places. Return the new token of a page's session.

        Raise InvalidCredentials, RateLimited, PasswordTooWeak, Overloaded, or NotAuthenticated if the session ends
        meanwhile.
        """
        guess = _in_session(caller)
        await self._verify(caller.user, current, guess, _WRONG_CURRENT_PASSWORD)
        check_password(new, caller.user.email)
        encoded = await self.hasher.hash(new, guess.hashed_for, is_known=True)
        now = self.clock.now()
        async with self.database.transaction() as session:
            await _lock(session, caller, _WRONG_CURRENT_PASSWORD)
            await users.set_password_hash(session, caller.user.id, encoded)
            ended = await sessions.delete_of(session, caller.user.id, keep=caller.session_id)
            await known_places.delete_of(session, caller.user.id)
            place_hash = hash_place(caller.user.id, caller.address)
            await known_places.remember(session, caller.user.id, place_hash, now)
            token = await _renew(session, caller)
        record(AuditEvent.PASSWORD_CHANGED, user_id=caller.user.id)
        record_ended(ended, "password_changed")
        return token

    async def list_sessions(self, caller: Caller) -> list[Session]:
        now = self.clock.now()
        async with self.database.reading() as session:
            rows = await sessions.list_of(session, caller.user.id)
        return [row for row in rows if self._is_live(row, now)]

    async def end_session(self, caller: Caller, session_id: uuid.UUID, password: str) -> str | None:
        """End one of the caller's sessions. Return the new token of a page's session.

        Raise InvalidCredentials, RateLimited, Overloaded, SessionNotFound if the caller has no such session, or
        NotAuthenticated if the caller's own session ends meanwhile.
        """
        async with self._confirmed(caller, password) as session:
            ended = await sessions.delete_one(session, session_id, caller.user.id)
            if not ended:
                raise SessionNotFound
            token = await _renew(session, caller)
        record_ended(ended, "ended_by_user")
        return token

    async def end_other_sessions(self, caller: Caller, password: str) -> str | None:
        """End all of the user's sessions but the caller's. Return and raise as end_session."""
        async with self._confirmed(caller, password) as session:
            ended = await sessions.delete_of(session, caller.user.id, keep=caller.session_id)
            token = await _renew(session, caller)
        record_ended(ended, "ended_by_user")
        return token

    async def delete(self, caller: Caller, password: str) -> None:
        """Delete the caller's account for good. Its videos go first, in the background.

        Raise InvalidCredentials, RateLimited, Overloaded, or NotAuthenticated if the session ends meanwhile.
        """
        async with self._confirmed(caller, password) as session:
            started = await self.deletion.start(session, caller.user.id)
        record(AuditEvent.ACCOUNT_DELETED, user_id=caller.user.id)
        record_ended(started.ended if started else (), "account_deleted")

    async def set_password(self, email: str, password: str) -> None:
        """End all of the user's sessions too, and forget its places, from which whoever knew the old one may guess.

        Raise PasswordTooWeak, InvalidRequest as email_key does, or InvalidCredentials if there is no account.
        """
        check_password(password, email)
        encoded = await self.hasher.hash(password)
        async with self.database.transaction() as session:
            user = _known(await users.get_by_email_key(session, email_key(email)))
            # Before the sessions, because the UPDATE waits for sign-ins that have begun to insert one.
            await users.set_password_hash(session, user.id, encoded)
            ended = await sessions.delete_of(session, user.id)
            await known_places.delete_of(session, user.id)
        record(AuditEvent.ACCOUNT_CHANGED, user_id=user.id, change="set-password")
        record_ended(ended, "password_set")

    def _new_row(
        self, user: User, token: str, kind: str, user_agent: str | None, address: str, now: datetime
    ) -> Session:
        return Session(
            user_id=user.id,
            token_hash=hash_token(token),
            kind=kind,
            user_agent=user_agent[:200] if user_agent else None,
            address=address or None,
            created_at=now,
            last_seen_at=now,
            expires_at=now + self.absolute,
        )

    async def _known_place(
        self, session: AsyncSession, user: User | None, address: str, token: str | None
    ) -> str | None:
        """Return the live session that the request has of this user, or the address if it is a known one.

        An account that does not exist costs the same queries.
        """
        now = self.clock.now()
        user_id = user.id if user else uuid.uuid4()
        own = await sessions.get_with_user(session, hash_token(token)) if token else None
        is_known = await known_places.is_known(
            session, user_id, hash_place(user_id, address), now - _PLACE_KNOWN_FOR
        )
        if own and own[0].user_id == user_id and self._is_live(own[0], now):
            return _session_place(own[0].id)
        return f"address {address}" if is_known else None

    def _is_live(self, row: Session, now: datetime) -> bool:
        return now < row.expires_at and now < row.last_seen_at + self.idle

    @asynccontextmanager
    async def _confirmed(self, caller: Caller, password: str) -> AsyncIterator[AsyncSession]:
        """Check the caller's password, and open a transaction in which it stays the right one."""
        await self._verify(caller.user, password, _in_session(caller), _WRONG_PASSWORD)
        async with self.database.transaction() as session:
            await _lock(session, caller, _WRONG_PASSWORD)
            yield session

    async def _verify(self, user: User | None, password: str, guess: Guess, refusal: str = "") -> User:
        """Check a password. Every guess comes through here.

        Return the user, whose row may change meanwhile. A statement that acts on the answer must require the same
        `password_hash` again. Raise InvalidCredentials with the sentence `refusal` if it is given, RateLimited if one
        of the guess's counters is full, or Overloaded. A wrong password and a right one count apart.
        """
        for limit, whom in (*guess.counters, guess.if_right):  # before the hash, which costs 20 ms of a core
            await self.limits.require_room(limit, *whom)
        # One hash in any case, so that the time doesn't show whether an account exists.
        encoded = user.password_hash if user and user.is_active else None
        is_known = guess.known_place is not None
        fits = await self.hasher.verify(password, encoded, guess.hashed_for, is_known=is_known)
        if not fits or user is None:
            refused = _refused(user, refusal)
            for limit, whom in guess.counters:
                await self.limits.count(limit, *whom)
            raise refused
        for limit, whom in guess.counters:
            # Guesses at the same time may have filled it. Then no answer says that one of them was right.
            await self.limits.require_room(limit, *whom)
        limit, whom = guess.if_right
        await self.limits.count(limit, *whom)
        return user


def _known(user: User | None) -> User:
    if user is None:
        raise InvalidCredentials("There is no account with this e-mail address.")
    return user


async def _lock(session: AsyncSession, caller: Caller, refusal: str) -> None:
    """Lock the user's row, so that no session starts before the transaction ends.

    Raise InvalidCredentials with the sentence `refusal` if the password is no longer the one that was verified or the
    account was disabled, and NotAuthenticated if the caller's session has ended.
    """
    if not await users.lock_unchanged(session, caller.user):
        raise InvalidCredentials(refusal)
    if not await sessions.exists(session, caller.session_id):
        raise NotAuthenticated


async def _renew(session: AsyncSession, caller: Caller) -> str | None:
    """Replace the token of a page's session, so that whoever copied it is signed out (ASVS 5.0, 7.2.4).

    Return the new one, or None if the session has ended. API clients keep theirs, because they read no cookie.
    """
    if caller.kind != "cookie":
        return None
    token = new_session_token()
    return token if await sessions.replace_token(session, caller.session_id, hash_token(token)) else None


def _session_place(session_id: uuid.UUID) -> str:
    return f"session {session_id}"


def _in_session(caller: Caller) -> Guess:
    """Return a guess by somebody who is signed in, so that a stolen session guesses slowly too."""
    place = _session_place(caller.session_id)
    return Guess(caller.user.email_key, caller.address, place, is_signed_in=True)


def _refused(user: User | None, sentence: str = "") -> InvalidCredentials:
    record(AuditEvent.SIGN_IN_REFUSED, user_id=user.id if user else None)
    return InvalidCredentials(sentence)


def record_ended(ended: Sequence[sessions.EndedSession], reason: str) -> None:
    """Record the end of sessions whose rows were deleted, after the transaction that did it."""
    for row in ended:
        mark = session_mark(row.token_hash)
        record(AuditEvent.SESSION_ENDED, user_id=row.user_id, ended=mark, reason=reason)
