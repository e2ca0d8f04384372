"""The layout of the store's folder, its lock, and the check of its file system."""

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Final

DEVICE: Final = "d1"
LOCK_WAIT_SECONDS: Final = 10.0
"""Longer than a store takes to stop, so that a restarted app can wait for the previous store."""

_LOCK_POLL_SECONDS: Final = 0.05
_FREE_BYTES_OF_A_START: Final = 1024 * 1024
_XATTR_PROBE: Final = b"\0" * 2048
"""About the size of an object's metadata, which Swift keeps in extended attributes."""


class StartupError(Exception):
    """The store cannot start. The message is for the person who started the app, and says what to do."""


class DataFolder:
    """Paths below the folder, and its lock, which the process holds until it ends."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.swift_dir = self.root / "swift"
        self.devices = self.root / "devices"
        self.device = self.devices / DEVICE
        self.cache = self.root / "cache"
        self.log_file = self.root / "store.log"
        self._lock_descriptor: int | None = None

    def prepare(self) -> None:
        try:
            for folder in (self.root, self.swift_dir, self.devices, self.device, self.cache):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StartupError(
                f"The store's folder {self.root} cannot be created ({error.strerror}). "
                "Set SLIPWAY_DATA_DIR to a folder you can write to."
            ) from error

    def lock(self, wait_seconds: float = LOCK_WAIT_SECONDS) -> None:
        """Lock the folder for this process. The kernel releases the lock when the process ends.

        Raise StartupError if another store still holds it after `wait_seconds`.
        """
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise StartupError(
                        f"Another store is running on {self.root}. Stop it, or use another SLIPWAY_DATA_DIR."
                    ) from None
                time.sleep(_LOCK_POLL_SECONDS)
            else:
                self._lock_descriptor = descriptor
                return

    def check_extended_attributes(self) -> None:
        probe = self.device / ".xattr-probe"
        try:
            probe.touch(mode=0o600)
            try:
                os.setxattr(probe, "user.swift.metadata", _XATTR_PROBE)
            finally:
                probe.unlink()
        except OSError as error:
            # ext4 with 1 KiB blocks answers ENOSPC for attributes that do not fit a block.
            exceeds_block = error.errno == errno.ENOSPC and _free_bytes(self.root) > _FREE_BYTES_OF_A_START
            if error.errno in (errno.ENOTSUP, errno.EPERM, errno.E2BIG) or exceeds_block:
                reason = "its file system does not support user extended attributes of 2 KiB"
                remedy = "Put SLIPWAY_DATA_DIR on ext4 (with 4 KiB blocks), xfs or btrfs."
            else:
                reason = error.strerror or str(error)
                remedy = "Free some space there, or check its permissions."
            raise StartupError(f"The store cannot use {self.root} ({reason}). {remedy}") from error


def _free_bytes(path: Path) -> int:
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize
