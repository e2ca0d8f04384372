"""Call the store for many keys, a few at a time, and skip keys for which it returns an error."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeVar

import structlog

from app.domain.errors import StorageUnavailable
from app.domain.sweep_report import Finding
from app.models import Video
from app.ports import OpenUpload
from app.services.background import some_at_once
from app.services.sweep.lease import SweepLease

log = structlog.get_logger()

Item = TypeVar("Item", Video, OpenUpload)
Result = TypeVar("Result")

CONCURRENT_CALLS: Final = 4
"""Few, so that the calls of requests come first."""
MAX_UNANSWERED: Final = 10
"""With so many errors the store is at fault, not single keys."""


@dataclass
class StoreCalls:
    lease: SweepLease
    unanswered: Finding = field(default_factory=Finding)
    unanswered_keys: set[str] = field(default_factory=set)
    last_error: StorageUnavailable | None = None

    async def call_each(
        self, call: Callable[[Item], Awaitable[Result]], items: Sequence[Item]
    ) -> list[tuple[Item, Result]]:
        """Return each item with its result, except unanswered ones. Stop calling if these are too many."""

        async def call_one(item: Item) -> list[tuple[Item, Result]]:
            if self.unanswered.count >= MAX_UNANSWERED:
                return []
            await self.lease.keep()
            try:
                return [(item, await call(item))]
            except StorageUnavailable as error:
                self.record_unanswered(item.object_key, error)
                return []

        return [pair for pairs in await some_at_once(call_one, items, CONCURRENT_CALLS) for pair in pairs]

    def record_unanswered(self, object_key: str, error: StorageUnavailable) -> None:
        self.last_error = error
        self.unanswered_keys.add(object_key)
        self.unanswered.add(object_key, 0, timedelta())
        log.warning("sweep.unanswered", object_key=object_key)

    def raise_if_too_many(self) -> None:
        """Raise StorageUnavailable if MAX_UNANSWERED keys got no answer."""
        if self.unanswered.count >= MAX_UNANSWERED:
            raise StorageUnavailable from self.last_error
