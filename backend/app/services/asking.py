"""How a sweep asks the store about many keys: a few at once, its turn kept, and past those that get no answer."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final, TypeVar

import structlog

from app.domain.errors import StorageUnavailable
from app.domain.sweep_report import Tally
from app.services.background import some_at_once

log = structlog.get_logger()

Item = TypeVar("Item")
Answer = TypeVar("Answer")

AT_ONCE: Final = 4
"""Calls to the store that a sweep has under way: requests come first."""
_BETWEEN_RENEWALS: Final = 16
"""Four rounds of up to two calls, each given up after 7 s: the sweep's lease is longer."""
MOST_UNANSWERED: Final = 10
"""So many keys without an answer are no bad keys but a bad store: the pass ends, and a later one tries again."""


class Asking:
    def __init__(self, keep_lease: Callable[[], Awaitable[None]]) -> None:
        self._keep_lease = keep_lease
        self.unanswered = Tally()
        """Keys the store gave no answer for (one refused key, say): each is passed over and told."""
        self.unanswered_keys: set[str] = set()

    async def ask(
        self,
        question: Callable[[Item], Awaitable[Answer]],
        items: Sequence[Item],
        key_of: Callable[[Item], str],
    ) -> list[tuple[Item, Answer]]:
        """The answers there are, with what was asked about. Ends early after too many without one."""

        async def ask_one(item: Item) -> list[tuple[Item, Answer]]:
            try:
                return [(item, await question(item))]
            except StorageUnavailable:
                self.note_unanswered(key_of(item))
                return []

        answered: list[tuple[Item, Answer]] = []
        for start in range(0, len(items), _BETWEEN_RENEWALS):
            if self._is_too_many:
                break
            await self._keep_lease()
            some = items[start : start + _BETWEEN_RENEWALS]
            for pairs in await some_at_once(ask_one, some, AT_ONCE):
                answered += pairs
        return answered

    def note_unanswered(self, object_key: str) -> None:
        if object_key in self.unanswered_keys:
            return  # listed twice: to count, and to act
        self.unanswered_keys.add(object_key)
        self.unanswered.add(object_key, 0, timedelta())
        log.warning("sweep.unanswered", object_key=object_key)

    def end_if_too_many(self) -> None:
        """Raises StorageUnavailable."""
        if self._is_too_many:
            raise StorageUnavailable

    @property
    def _is_too_many(self) -> bool:
        return len(self.unanswered_keys) >= MOST_UNANSWERED
