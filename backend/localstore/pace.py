"""How long the store waits for bytes of a client."""

from typing import Final

IDLE_SECONDS: Final = 60.0
"""Wait for a request on an open connection."""

HEAD_SECONDS: Final = 40.0
"""Time for a whole head, so that one pause of 30 s passes. nginx allows 60 s (`client_header_timeout`)."""

BODY_CREDIT_SECONDS: Final = 120.0
BODY_BYTES_PER_SECOND: Final = 250
"""A link of 50 kbit/s that stands still half the time gives each of six parts 520 bytes a second."""

LINGER_SECONDS: Final = 1.0
"""Wait for a refused client to read its answer."""


class Pace:
    """Seconds that a client may still take. Time in which the store itself works does not count."""

    def __init__(self, credit_seconds: float, bytes_per_second: float | None = None) -> None:
        """Let each received byte give time back, up to `credit_seconds`, if there is a rate."""
        self._limit = credit_seconds
        self._rate = bytes_per_second
        self.credit_seconds = credit_seconds

    def waited(self, seconds: float, received_bytes: int) -> None:
        """Count one wait and the bytes that ended it."""
        earned = received_bytes / self._rate if self._rate else 0.0
        self.credit_seconds = min(self._limit, self.credit_seconds - seconds + earned)


def for_idle() -> Pace:
    return Pace(IDLE_SECONDS)


def for_head() -> Pace:
    return Pace(HEAD_SECONDS)


def for_body() -> Pace:
    return Pace(BODY_CREDIT_SECONDS, BODY_BYTES_PER_SECOND)
