"""Waits that end when something happens."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

TIMEOUT_SECONDS: Final = 300.0
"""Ends a hung test. A passing test never gets near it, however slow the machine."""
_POLL_SECONDS: Final = 0.05


def wait_until(is_reached: Callable[[], object], state: str) -> None:
    """Poll until `is_reached` returns something true. Fail with `state` if the test hangs."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_reached():
        assert time.monotonic() < deadline, f"not reached: {state}"
        time.sleep(_POLL_SECONDS)


async def until(is_reached: Callable[[], object], state: str) -> None:
    """Do the same as `wait_until` in an event loop, whose few threads may all be busy."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_reached():
        assert time.monotonic() < deadline, f"not reached: {state}"
        await asyncio.sleep(_POLL_SECONDS)
