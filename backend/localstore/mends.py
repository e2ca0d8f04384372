"""What Swift alone gets wrong for us, by name, so that a test can leave one mend out and show what breaks."""

from enum import StrEnum


class Mend(StrEnum):
    LATE_PARTS = "late-parts"
    """Part writes after Complete or Abort are refused (Swift answers 200, and the object is broken)."""
    ERROR_CORS = "error-cors"
    """Error answers carry CORS headers (without them a page sees a network failure, not a 403)."""
    DELETES_FREE_DISK = "deletes-free-disk"
    """A deleted multipart object frees its disk at once (Swift queues it for a daemon that is not here)."""
    CONTAINER_UPDATES = "container-updates"
    """Listings are waited for, and updates that failed are replayed (Swift leaves that to a daemon)."""
    LEFTOVERS = "leftovers"
    """What a kill -9 left behind is removed."""


ALL_MENDS = frozenset(Mend)
