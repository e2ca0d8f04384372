"""Hash passwords, and make session tokens."""

import asyncio
import hashlib
import hmac
import secrets
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final, TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from app.domain.errors import Overloaded, PasswordTooWeak

Result = TypeVar("Result")

MIN_PASSWORD_CHARACTERS: Final = 8
MAX_PASSWORD_CHARACTERS: Final = 128

# argon2id with 19 MiB, two passes and one lane (OWASP Password Storage Cheat Sheet).
_ARGON2: Final = PasswordHash((Argon2Hasher(memory_cost=19 * 1024, time_cost=2, parallelism=1),))
_HASHING_THREADS: Final = 2
HASHING_QUEUE: Final = 32
"""How many may wait or run, which is about 0.4 s of work on two idle cores. Further requests get 503."""
KEPT_FOR_KNOWN: Final = 8
"""How many more may wait from places that the account knows, because strangers can fill the queue together."""
HASHES_OF_ONE: Final = 8
"""How many of one account or address may wait or run. People behind one address may sign in at the same moment."""


class PasswordHasher:
    """Hashes in threads behind a short queue, so that sign-ins leave time for other requests."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_HASHING_THREADS, thread_name_prefix="argon2")
        self._pending = 0
        self._pending_of = Counter[str]()
        self._of_nobody = _ARGON2.hash(secrets.token_urlsafe())

    async def hash(self, password: str, whom: Sequence[str] = (), *, is_known: bool = False) -> str:
        """Return the encoded hash. Raise Overloaded if the queue is full, or has too many of one of `whom`."""
        return await self._run(whom, is_known, _ARGON2.hash, password)

    async def verify(
        self, password: str, encoded: str | None, whom: Sequence[str] = (), *, is_known: bool = False
    ) -> bool:
        """Return whether the password matches. None, for a missing account, takes the same time as a hash.

        Raise Overloaded as `hash` does.
        """
        matches = await self._run(whom, is_known, _matches, password, encoded or self._of_nobody)
        return matches and encoded is not None

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(
        self, whom: Sequence[str], is_known: bool, function: Callable[..., Result], *arguments: str
    ) -> Result:
        is_full = self._pending >= HASHING_QUEUE + KEPT_FOR_KNOWN * is_known
        if is_full or any(self._pending_of[one] >= HASHES_OF_ONE for one in whom):
            raise Overloaded
        self._pending += 1
        self._pending_of.update(whom)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
        finally:
            self._pending -= 1
            self._pending_of -= Counter(whom)  # which drops what is 0


def _matches(password: str, encoded: str) -> bool:
    try:
        return _ARGON2.verify(password, encoded)
    except UnknownHashError:
        return False


def check_password(password: str, email: str) -> None:
    """Raise PasswordTooWeak for a short, long or common password (NIST SP 800-63B section 3.1.1)."""
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        raise PasswordTooWeak(
            f"Choose a password of {MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters."
        )
    lowered = password.casefold()
    mailbox = email.casefold().partition("@")[0]
    if lowered in _common_passwords() or lowered in (email.casefold(), mailbox) or len(set(lowered)) == 1:
        raise PasswordTooWeak("This password is too common. Choose another one.")


@cache
def _common_passwords() -> frozenset[str]:
    """Return the 30,000 most common passwords, from zxcvbn, and our own name."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # half a megabyte, not needed before a registration

    ours = ("slipway", "slipway1", "slipway123", "slipwayslipway")
    return frozenset(word.casefold() for word in FREQUENCY_LISTS["passwords"]) | frozenset(ours)


def new_session_token() -> str:
    """Return 256 random bits for the cookie or the Authorization header."""
    return secrets.token_urlsafe(32)


def hash_place(user_id: uuid.UUID, address: str) -> str:
    """Return what the database stores of an address that a user signed in from."""
    return hmac.new(user_id.bytes, address.encode(), hashlib.sha256).hexdigest()


def hash_token(token: str) -> str:
    """Return what the database stores. The token is random, so it needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
