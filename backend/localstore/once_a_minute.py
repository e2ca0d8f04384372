"""Keeps repeated errors out of the log."""

import logging
import time
from collections.abc import Callable
from typing import Final

STDERR_LOGGER: Final = "localstore.stderr"
"""Of what libraries print. A traceback is printed in many pieces."""

_INTERVAL_SECONDS: Final = 60.0


class OnceAMinute(logging.Filter):
    """Pass one error of each place in the code every minute, with the number of those before it that were dropped.

    Whoever finds a request that fails could otherwise rotate everything else out of the log.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._places: dict[tuple[str, int], tuple[float, int]] = {}
        """When each place may log again, and how many of its errors were dropped."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.ERROR or record.name == STDERR_LOGGER:
            return True
        place = (record.pathname, record.lineno)
        next_line, dropped = self._places.get(place, (0.0, 0))
        if self._clock() < next_line:
            self._places[place] = (next_line, dropped + 1)
            return False
        if dropped:
            record.msg = f"{record.msg} ({dropped} more since the last one)"
        self._places[place] = (self._clock() + _INTERVAL_SECONDS, 0)
        return True
