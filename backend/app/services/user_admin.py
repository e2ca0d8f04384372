"""What the operator may do to accounts."""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit_events import AuditEvent, record
from app.core.db import Database
from app.core.operator_errors import OperatorError
from app.crud import sessions, users, videos
from app.domain.email_address import email_key
from app.domain.errors import Unavailable
from app.models import User
from app.ports import Clock
from app.services.account_deletion import AccountDeletion
from app.services.accounts import record_ended
from app.services.background import some_at_once
from app.services.registration import RegistrationService
from app.services.removal import Removal
from app.services.sweep.bucket import BucketCheck, WrongBucket

_REMOVALS_AT_ONCE = 8


class NoSuchAccount(OperatorError):
    def __init__(self) -> None:
        super().__init__(
            "There is no account with this e-mail address or ID. `slipway user list` shows all accounts."
        )


class AccountLeaving(OperatorError):
    def __init__(self) -> None:
        super().__init__("This account is being deleted and can't be changed.")


class AccountState(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"
    DELETING = "deleting"


@dataclass(frozen=True)
class Account:
    """An account as the operator sees it."""

    id: uuid.UUID
    email: str
    full_name: str | None
    state: AccountState
    created_at: datetime
    used_bytes: int
    quota_bytes: int
    quota_is_own: bool
    """Whether the quota was set for this user and is not USER_QUOTA_BYTES."""
    videos: int
    open_uploads: int
    being_removed: int
    """Videos that their owner no longer sees and whose bytes still count."""


@dataclass
class UserAdmin:
    database: Database
    clock: Clock
    registration: RegistrationService
    removal: Removal
    bucket: BucketCheck
    deletion: AccountDeletion
    usual_quota: int

    async def list_all(self) -> list[Account]:
        """Return all accounts, the oldest first."""
        async with self.database.reading() as session:
            return [self._account(usage) for usage in await users.list_usage(session)]

    async def find(self, name: str) -> Account:
        """Return the account with this e-mail address or ID. Raise NoSuchAccount."""
        async with self.database.reading() as session:
            user_id = await _id_of(session, name)
            usage = user_id and await users.get_usage(session, user_id)
        if not usage:
            raise NoSuchAccount
        return self._account(usage)

    async def create(self, email: str, password: str) -> User:
        """Raise PasswordTooWeak, EmailTaken, TooManyAccounts or Overloaded."""
        user = await self.registration.create(email, password, None)
        record(AuditEvent.ACCOUNT_CHANGED, user_id=user.id, change="create")
        return user

    async def enable(self, user_id: uuid.UUID) -> None:
        """Allow sign-ins again. Raise AccountLeaving."""
        async with self.database.transaction() as session:
            if not await users.set_active(session, user_id, True):
                raise AccountLeaving
        record(AuditEvent.ACCOUNT_CHANGED, user_id=user_id, change="enable")

    async def disable(self, user_id: uuid.UUID) -> Sequence[uuid.UUID]:
        """Prevent sign-ins, end the sessions and start the removal of open uploads. Other videos stay.

        Return those uploads. Raise AccountLeaving.
        """
        async with self.database.transaction() as session:
            if not await users.set_active(session, user_id, False):
                raise AccountLeaving
            ended = await sessions.delete_of(session, user_id)
            stopped = await self.deletion.stop_uploads(session, user_id)
        record(AuditEvent.ACCOUNT_CHANGED, user_id=user_id, change="disable")
        record_ended(ended, "account_disabled")
        return stopped

    async def delete(self, user_id: uuid.UUID) -> Sequence[uuid.UUID]:
        """Disable the account for good and start the removal of all its videos. The row goes after the last of them.

        Return the uploads that were open. Raise NoSuchAccount. If the process dies, AccountDeletion continues.
        """
        async with self.database.transaction() as session:
            started = await self.deletion.start(session, user_id)
        if started is None:
            raise NoSuchAccount
        record(AuditEvent.ACCOUNT_CHANGED, user_id=user_id, change="delete")
        record_ended(started.ended, "account_deleted")
        await self.deletion.finish(user_id)
        return started.stopped

    async def set_quota(self, user_id: uuid.UUID, quota_bytes: int | None) -> None:
        """None means USER_QUOTA_BYTES. Raise AccountLeaving."""
        async with self.database.transaction() as session:
            if not await users.set_quota(session, user_id, quota_bytes):
                raise AccountLeaving
        record(AuditEvent.ACCOUNT_CHANGED, user_id=user_id, change="quota", quota_bytes=quota_bytes)

    async def clear(self, video_ids: Sequence[uuid.UUID]) -> int | None:
        """Take the first step of these removals now, which aborts the uploads, so that their part URLs end.

        Return how many the store may still have, or None if the store can't be used. It still has those whose
        completion runs, and those whose versions it refuses to delete. The reconciler of an app or a worker continues
        in any case.
        """
        try:
            await self.bucket.confirm()
            await some_at_once(self.removal.step, video_ids, _REMOVALS_AT_ONCE)
        except (Unavailable, WrongBucket):
            return None
        async with self.database.reading() as session:
            return await videos.count_in_store(session, video_ids)

    def _account(self, usage: users.Usage) -> Account:
        user = usage.user
        return Account(
            id=user.id,
            email=user.email,
            full_name=user.full_name,
            state=_state(user),
            created_at=user.created_at,
            used_bytes=user.reserved_bytes,
            quota_bytes=user.quota(self.usual_quota),
            quota_is_own=user.quota_bytes is not None,
            videos=usage.videos,
            open_uploads=usage.open_uploads,
            being_removed=usage.being_removed,
        )


async def _id_of(session: AsyncSession, name: str) -> uuid.UUID | None:
    """Return the ID of the account with this address, or the ID that `name` is."""
    user = await users.get_by_email_key(session, email_key(name))
    if user is not None:
        return user.id
    with suppress(ValueError):
        return uuid.UUID(name)
    return None


def _state(user: User) -> AccountState:
    if user.deleted_at is not None:
        return AccountState.DELETING
    return AccountState.ACTIVE if user.is_active else AccountState.DISABLED
