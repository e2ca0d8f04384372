"""Let searches by a name wait for each other, because one may read all names of a user.

They would otherwise take all connections of the database, and others' requests would get none.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

from app.core import db
from app.domain.errors import Overloaded

_SHARE: Final = 4
"""Searches have a quarter of the connections."""


class Searches:
    def __init__(self, connections: int) -> None:
        self._all = asyncio.Semaphore(max(connections // _SHARE, 1))
        self._of_user: WeakValueDictionary[uuid.UUID, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, user_id: uuid.UUID) -> AsyncIterator[None]:
        """Wait for the user's other searches, and for those of others. Raise Overloaded if that takes too long."""
        own = self._of_user.setdefault(user_id, asyncio.Lock())
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(db.BUSY_TIMEOUT_SECONDS):
                    await held.enter_async_context(own)
                    await held.enter_async_context(self._all)
            except TimeoutError as error:
                raise Overloaded from error
            yield
