"""Call the store for many keys, a few at a time, and skip keys for which it returns an error."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final, TypeVar

import structlog

from app.domain.errors import StorageUnavailable
from app.domain.sweep_report import Finding
from app.services.background import some_at_once

log = structlog.get_logger()

Item = TypeVar("Item")
Result = TypeVar("Result")

CONCURRENT_CALLS: Final = 4
"""Few, so that the calls of requests come first."""
_CALLS_PER_RENEWAL: Final = 16
"""Four rounds of up to two calls, each limited to 7 s, end before the sweep's lease does."""
MAX_UNANSWERED: Final = 10
"""With so many errors the store is at fault, not single keys."""


class StoreCalls:
    def __init__(self, keep_lease: Callable[[], Awaitable[None]]) -> None:
        self.keep_lease = keep_lease
        self.unanswered = Finding()
        self.unanswered_keys: set[str] = set()

    async def call_each(
        self,
        call: Callable[[Item], Awaitable[Result]],
        items: Sequence[Item],
        key_of: Callable[[Item], str],
    ) -> list[tuple[Item, Result]]:
        """Return each item with its result. Leave out unanswered ones, and stop early if they are too many."""

        async def call_one(item: Item) -> list[tuple[Item, Result]]:
            try:
                return [(item, await call(item))]
            except StorageUnavailable:
                self.record_unanswered(key_of(item))
                return []

        results: list[tuple[Item, Result]] = []
        for start in range(0, len(items), _CALLS_PER_RENEWAL):
            if self._are_too_many:
                break
            await self.keep_lease()
            some = items[start : start + _CALLS_PER_RENEWAL]
            for answered in await some_at_once(call_one, some, CONCURRENT_CALLS):
                results += answered
        return results

    def record_unanswered(self, object_key: str) -> None:
        if object_key in self.unanswered_keys:
            return  # A sweep lists twice, to count and to remove.
        self.unanswered_keys.add(object_key)
        self.unanswered.add(object_key, 0, timedelta())
        log.warning("sweep.unanswered", object_key=object_key)

    def raise_if_too_many(self) -> None:
        """Raise StorageUnavailable if MAX_UNANSWERED keys got no answer."""
        if self._are_too_many:
            raise StorageUnavailable

    @property
    def _are_too_many(self) -> bool:
        return len(self.unanswered_keys) >= MAX_UNANSWERED
