"""Orders in which the runners of a race get on."""

import asyncio
import random
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, Protocol

RUNNER: Final[ContextVar[int]] = ContextVar("RUNNER")
"""The number of the runner, from 0, to which a task belongs. A task that a runner starts inherits it."""

_PACES: Final = (0, 0, 1, 3, 10, 30, 100, 300)
"""Turns of the event loop before a call. A statement takes 1 on SQLite, and 2 or more on PostgreSQL."""


class Order(Protocol):
    async def before_a_call(self) -> None:
        """Wait until the runner may make its next port call or begin its next transaction."""

    def note_end(self, runner: int) -> None: ...


class RandomOrder:
    """Each call waits for a random number of turns."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    async def before_a_call(self) -> None:
        for _ in range(self._chance.choice(_PACES)):
            await asyncio.sleep(0)

    def note_end(self, runner: int) -> None: ...


@dataclass
class Interleaved:
    """`first` runs until its call, then `second` until its own. `first` ends before `second` goes on.

    Calls are counted from 0. A runner that has fewer calls runs to its end.
    """

    first: int
    first_call: int
    second: int
    second_call: int
    calls: Counter[int] = field(default_factory=Counter)
    """How many calls each runner has begun or waits to begin."""
    _first_waits: asyncio.Event = field(default_factory=asyncio.Event)
    _second_waits: asyncio.Event = field(default_factory=asyncio.Event)
    _first_has_ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def before_a_call(self) -> None:
        runner = RUNNER.get()
        call = self.calls[runner]
        self.calls[runner] += 1
        if runner == self.second:
            await self._first_waits.wait()
        if (runner, call) == (self.first, self.first_call):
            self._first_waits.set()
            await self._second_waits.wait()
        if (runner, call) == (self.second, self.second_call):
            self._second_waits.set()
            await self._first_has_ended.wait()

    def note_end(self, runner: int) -> None:
        if runner == self.first:
            self._first_waits.set()
            self._first_has_ended.set()
        if runner == self.second:
            self._second_waits.set()
