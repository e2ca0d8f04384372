"""Removes the rows of deleted objects from the listings, which Swift leaves to a replicator that doesn't run."""

import time
from pathlib import Path

import eventlet
from swift.account.backend import AccountBroker
from swift.container.backend import ContainerBroker

from localstore.data_folder import DataFolder
from localstore.leftovers import DELETION_LIFE_SECONDS


def reclaim(folder: DataFolder, now: float | None = None) -> int:
    """Remove old deleted rows, and return the number of listings that were read. Safe while serving.

    Remove none while an update of a listing waits to be repeated. An older one that arrives after the row is gone would
    list the object again.
    """
    if any(path.is_file() for path in folder.device.glob("async_pending*/**/*")):
        return 0
    limit = (time.time() if now is None else now) - DELETION_LIFE_SECONDS
    databases = [
        (broker, path)
        for name, broker in (("containers", ContainerBroker), ("accounts", AccountBroker))
        for path in sorted(_databases(folder.device / name))
    ]
    for broker, path in databases:
        broker(str(path)).reclaim(limit, limit)
        eventlet.sleep(0)
    return len(databases)


def _databases(folder: Path) -> list[Path]:
    """Return <partition>/<suffix>/<hash>/<hash>.db."""
    return list(folder.glob("*/*/*/*.db"))
