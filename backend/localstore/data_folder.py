"""The store's folder: its layout, the lock that gives it one owner, and what its file system must know."""

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Final

from localstore.errors import StartupError

DEVICE: Final = "d1"
LOCK_WAIT_SECONDS: Final = 10.0
"""Longer than a store takes to stop, so a restarted app meets its dying predecessor and waits it out."""

_LOCK_POLL_SECONDS: Final = 0.05
_ROOM_FOR_A_START: Final = 1024 * 1024
_XATTR_PROBE: Final = b"\0" * 2048
"""About what an object's metadata takes; Swift keeps it in extended attributes."""


class DataFolder:
    """Paths below the folder; the lock is held for as long as the process lives."""

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
                f"The store's folder {self.root} cannot be made ({error.strerror}). "
                "Give SLIPWAY_DATA_DIR a folder you may write to."
            ) from error

    def lock(self, wait_seconds: float = LOCK_WAIT_SECONDS) -> None:
        """Become the one owner. The kernel ends the lock with the process, however it dies."""
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        give_up_at = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= give_up_at:
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
            # ext4 with 1 KiB blocks says "no space" for attributes that do not fit a block.
            fits_no_block = error.errno == errno.ENOSPC and _free_bytes(self.root) > _ROOM_FOR_A_START
            if error.errno in (errno.ENOTSUP, errno.EPERM, errno.E2BIG) or fits_no_block:
                reason = "its file system keeps no user extended attributes of 2 KiB"
                remedy = "Put SLIPWAY_DATA_DIR on ext4 (with 4 KiB blocks), xfs or btrfs."
            else:
                reason = error.strerror or str(error)
                remedy = "Free some space there, or check who may write to it."
            raise StartupError(f"The store cannot use {self.root}: {reason}. {remedy}") from error


def _free_bytes(path: Path) -> int:
    room = os.statvfs(path)
    return room.f_bavail * room.f_frsize
