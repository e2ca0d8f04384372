"""Limits what one probe may cost, whatever the file contains."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mediaprobe.errors import BudgetExceeded

_MIB = 1024 * 1024
# The clock is read once in this many units, which take about a millisecond.
_CLOCK_UNITS = 256


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of one probe. Reaching one raises `BudgetExceeded`.

    `work` limits the parsing. One unit is one read of a box, element, chunk or field with what follows it. What takes
    longer counts as the number of reads that take as long. The same file always takes the same number of units.

    Every flood in `tests/mediaprobe/floods.py` takes 2 to 4 microseconds a unit on a busy server of 2 cores, so 100,000
    units end it within 0.4 s of processor time. No file of the public corpus or of `make bench` takes 5,000.
    """

    requests: int = 32
    bytes: int = 24 * _MIB
    seconds: float = 10.0
    work: int = 100_000


class Spending:
    """What one probe has spent of its budget. Every reader of the probe shares it."""

    def __init__(self, budget: Budget, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._clock = clock
        self._deadline = clock() + budget.seconds
        self._next_check = min(_CLOCK_UNITS, budget.work)
        self.requests = 0
        self.bytes = 0
        self.work = 0

    def count_work(self, units: int) -> None:
        work = self.work + units
        if work > self._next_check:
            self._check_work(work)
        self.work = work

    def _check_work(self, work: int) -> None:
        if work > self._budget.work:
            raise BudgetExceeded(f"Reading the header took more than {self._budget.work} steps.")
        self._check_time()
        self._next_check = min(work + _CLOCK_UNITS, self._budget.work)

    def count_request(self, length: int) -> None:
        """Count one request of this many bytes."""
        budget = self._budget
        if self.requests >= budget.requests:
            raise BudgetExceeded(f"Reading the header took more than {budget.requests} requests.")
        if self.bytes + length > budget.bytes:
            raise BudgetExceeded(f"Reading the header took more than {budget.bytes // _MIB} MiB.")
        self._check_time()
        self.requests += 1
        self.bytes += length

    def _check_time(self) -> None:
        if self._clock() > self._deadline:
            raise BudgetExceeded(f"Reading the header took longer than {self._budget.seconds:g} seconds.")
