"""The options of a store, and the patches of Swift that an option can leave out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from localstore.data_folder import DataFolder
from localstore.places import Network


class Patch(StrEnum):
    """A behaviour of Swift that this package changes. Tests leave one out to show what it is for."""

    LATE_PARTS = "late-parts"
    """Refuse part writes after Complete or Abort. Swift answers 200, and the object is broken."""
    ERROR_CORS = "error-cors"
    """Send CORS headers with errors. Without them a page sees a network failure instead of a 403."""
    DELETES_FREE_DISK = "deletes-free-disk"
    """Free the disk of a deleted multipart object before the answer. Swift leaves it to a daemon."""
    CONTAINER_UPDATES = "container-updates"
    """Wait for listings and replay failed updates. Swift leaves that to a daemon."""
    LEFTOVERS = "leftovers"
    """Remove what a kill -9 left on disk."""


ALL_PATCHES = frozenset(Patch)


@dataclass(frozen=True)
class Options:
    folder: DataFolder
    host: str
    port: int
    origins: tuple[str, ...]
    any_local_origin: bool
    """Whether pages at any address of the local network are allowed too."""
    patches: Collection[Patch]
    proxies: Sequence[Network] = ()
    """Addresses of reverse proxies, through which many clients come."""
