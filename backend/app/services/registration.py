"""Create accounts, within the limit of the installation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from app.core.audit_events import AuditEvent, record
from app.core.db import Database
from app.core.security import PasswordHasher, check_password
from app.crud import installation, users
from app.domain.email_address import email_key
from app.domain.errors import EmailTaken, RegistrationClosed, TooManyAccounts
from app.domain.freshness import NEVER, is_fresh
from app.models import User
from app.ports import Clock

_KEPT: Final = timedelta(seconds=1)


@dataclass
class RegistrationService:
    database: Database
    clock: Clock
    hasher: PasswordHasher
    allowed: bool
    """Whether people may create accounts themselves."""
    max_accounts: int | None
    _has_room: bool = field(default=False, init=False)
    _counted_at: datetime = field(default=NEVER, init=False)

    async def is_open(self) -> bool:
        """Return whether a registration would find a place, as of at most a second ago. Anyone may ask."""
        if not self.allowed or self.max_accounts is None:
            return self.allowed
        now = self.clock.now()
        if not is_fresh(self._counted_at, now, _KEPT):
            async with self.database.reading() as session:
                self._has_room = await users.count_all(session) < self.max_accounts
            self._counted_at = now
        return self._has_room

    async def register(self, email: str, password: str, full_name: str | None, *, address: str = "") -> User:
        """Create an account for a stranger at this address. Raise RegistrationClosed, and as `create` does."""
        if not self.allowed:
            raise RegistrationClosed
        user = await self.create(email, password, full_name, [f"address {address}"])
        record(AuditEvent.REGISTERED, user_id=user.id)
        return user

    async def create(
        self, email: str, password: str, full_name: str | None, hashed_for: Sequence[str] = ()
    ) -> User:
        """Raise PasswordTooWeak, InvalidRequest as email_key does, EmailTaken, TooManyAccounts or Overloaded.

        `hashed_for` says whose places in the hashing queue it takes.
        """
        check_password(password, email)
        key = email_key(email)
        async with self.database.reading() as session:
            if await users.get_by_email_key(session, key):
                raise EmailTaken
        user = User(
            email=email,
            email_key=key,
            full_name=full_name,
            password_hash=await self.hasher.hash(password, hashed_for),
            is_active=True,
            reserved_bytes=0,
            created_at=self.clock.now(),
        )
        async with self.database.transaction() as session:
            if self.max_accounts is not None:
                await installation.lock(session)
                if await users.count_all(session) >= self.max_accounts:
                    raise TooManyAccounts
            await users.insert(session, user)
        return user
