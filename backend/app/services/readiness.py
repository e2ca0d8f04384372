"""Say whether database and store answer, at the cost of one question a second, however many ask."""

import asyncio
from datetime import timedelta
from typing import Final

from app.core.db import Database
from app.core.storage_causes import cause_of
from app.domain.errors import StorageUnavailable
from app.domain.freshness import NEVER, is_fresh
from app.ports import Clock
from app.services.background import BackgroundTasks
from app.services.sweep.bucket import BucketCheck

_KEPT: Final = timedelta(seconds=1)


class Readiness:
    """Belongs to the event loop."""

    def __init__(self, database: Database, bucket: BucketCheck, clock: Clock, tasks: BackgroundTasks) -> None:
        self._database = database
        self._bucket = bucket
        self._clock = clock
        self._tasks = tasks
        self._asked_at = NEVER
        self._answer: asyncio.Task[BaseException | None] | None = None

    async def check(self) -> None:
        """Raise what the last question met. Ask again if it is older than a second."""
        now = self._clock.now()
        if self._answer is None or (self._answer.done() and not is_fresh(self._asked_at, now, _KEPT)):
            self._asked_at = now
            self._answer = self._tasks.start(self._ask())
        # One caller that goes away must not end the question of the others.
        error = await asyncio.shield(self._answer)
        if error is not None:
            raise error.with_traceback(None)  # each raise of the same error would lengthen its traceback

    async def _ask(self) -> BaseException | None:
        # Wait for both, because an abandoned check would still use a connection.
        questions = (self._database.check(), self._check_store())
        outcomes = await asyncio.gather(*questions, return_exceptions=True)
        return next((outcome for outcome in outcomes if outcome is not None), None)

    async def _check_store(self) -> None:
        try:
            self._bucket.require_confirmed()
            await self._bucket.storage.check()
        except StorageUnavailable as error:
            raise StorageUnavailable(f"The video storage is not answering. {cause_of(error)}") from error
