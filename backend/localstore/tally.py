"""Counts events that anyone can cause at any rate, for at most one log line a minute."""

import json
import logging
import time
from collections import Counter
from typing import Final

_INTERVAL_SECONDS: Final = 60.0


class Tally:
    """Logs the first event at once and later ones with the first that follows after a minute."""

    def __init__(self, log: logging.Logger, event: str) -> None:
        self._log = log
        self._event = event
        self._counts: Counter[str] = Counter()
        self._next_line = 0.0

    def note(self, kind: str) -> None:
        self._counts[kind] += 1
        if time.monotonic() >= self._next_line:
            self._log.warning("%s: %s", self._event, json.dumps(self._counts))
            self._counts.clear()
            self._next_line = time.monotonic() + _INTERVAL_SECONDS
