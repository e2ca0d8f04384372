"""Use as many file descriptors as the system allows, and say so when there are none left."""

import errno
import os
import resource
from typing import Final

import structlog

log = structlog.get_logger()

_KEPT: Final = 256
"""For the database, calls to the store, metadata reads and the page's files."""
_MOST_CONNECTIONS: Final = 4096
"""Each may hold 36 KiB of headers, so all together 150 MB."""


def raise_limit() -> int:
    """Allow this process as many open files as the system lets it. Return how many."""
    # Many systems allow 1,024 by default. Idle connections of a few hundred people reach that.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def most_connections(descriptors: int) -> int:
    """Return how many connections leave room for everything else."""
    if descriptors == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return min(_MOST_CONNECTIONS, max(descriptors - _KEPT, descriptors // 2))


class DescriptorWatch:
    """Logs once when descriptors run out, and once when there are some again. libuv itself drops clients silently."""

    def __init__(self) -> None:
        self._are_out = False

    def check(self) -> None:
        are_out = not _is_one_left()
        if are_out and not self._are_out:
            log.error("descriptors.exhausted", limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        elif self._are_out and not are_out:
            log.info("descriptors.available")
        self._are_out = are_out


def _is_one_left() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)
    return True
