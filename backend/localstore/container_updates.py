"""Replays listing updates that failed, as Swift's object-updater daemon would: a part that is stored but not
listed would be missing from ListParts for ever."""

import time

import eventlet
from swift.obj.updater import ObjectUpdater

from localstore.data_folder import DataFolder

_PATIENCE_SECONDS = 20
"""A start waits no longer; what is left is tried again with the next pass."""


class ContainerUpdates:
    def __init__(self, folder: DataFolder) -> None:
        self._device = str(folder.device)
        self._updater = ObjectUpdater(
            {
                "devices": str(folder.devices),
                "mount_check": "false",
                "swift_dir": str(folder.swift_dir),
                "recon_cache_path": str(folder.cache),
                "log_level": "ERROR",
                "log_custom_handlers": "localstore.logs.attach_to_swift",
                "log_address": "/dev/null",
                "conn_timeout": "10",
                "interval": str(_PATIENCE_SECONDS),
            }
        )

    def replay(self) -> int:
        """One pass over the waiting updates; returns how many went through."""
        before = self._updater.stats.successes
        with eventlet.Timeout(_PATIENCE_SECONDS, False):
            # Not run_once: it forks, which a process full of green threads must not do.
            self._updater.begin = time.time()
            self._updater.object_sweep(self._device)
        replayed: int = self._updater.stats.successes - before
        return replayed
