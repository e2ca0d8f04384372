"""Replays failed listing updates, as Swift's object-updater daemon does, so that ListParts has every stored part."""

import time

import eventlet
from swift.obj.updater import ObjectUpdater

from localstore.data_folder import DataFolder

_PASS_TIMEOUT_SECONDS = 20
"""Limits how long a pass delays the start. The next pass takes the remaining updates."""


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
                "interval": str(_PASS_TIMEOUT_SECONDS),
            }
        )

    def replay(self) -> int:
        """Try each waiting update once, and return how many succeeded."""
        before = self._updater.stats.successes
        with eventlet.Timeout(_PASS_TIMEOUT_SECONDS, False):
            # Not run_once, because it forks, and a process with green threads must not fork.
            self._updater.begin = time.time()
            self._updater.object_sweep(self._device)
        replayed: int = self._updater.stats.successes - before
        return replayed
