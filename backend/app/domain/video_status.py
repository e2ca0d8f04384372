"""Define the states of a video, the events, and the transitions between them."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final


class VideoStatus(StrEnum):
    """The states. `deleting` and `expired` end with the deletion of the row."""

    UPLOADING = "uploading"
    COMPLETING = "completing"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"
    DELETING = "deleting"


class VideoEvent(StrEnum):
    """What can happen to a video. The values are labels of a metric."""

    COMPLETE_CLAIMED = "complete_claimed"
    """A complete call claimed the lease."""
    COMPLETE_VERIFIED = "complete_verified"
    """The object at the key is the announced one."""
    PARTS_MISSING = "parts_missing"
    """The store's part list differs from the plan, and the browser must send parts again."""
    OBJECT_VANISHED = "object_vanished"
    """The store has neither the upload nor the object."""
    EXPIRED = "expired"
    """No part arrived for the grace time."""
    PROBED = "probed"
    """The metadata was read, as far as possible."""
    REJECTED = "rejected"
    """The content is not an accepted video, or a scanner called it infected."""
    SET_FAILED = "set_failed"
    """An operator failed a ready video because its object is missing or replaced. Never automatic."""
    OBJECT_PROVEN = "object_proven"
    """An operator's command proved the object of a video that was ready and failed without it."""
    UPLOAD_PROVEN = "upload_proven"
    """The same of a video that was not ready yet."""
    DELETED = "deleted"
    """The video or its account was deleted, or the account was disabled during the upload."""


S, E = VideoStatus, VideoEvent

TRANSITIONS: Final[Mapping[VideoEvent, tuple[Collection[VideoStatus], VideoStatus]]] = {
    E.COMPLETE_CLAIMED: ({S.UPLOADING}, S.COMPLETING),
    E.COMPLETE_VERIFIED: ({S.COMPLETING}, S.PROCESSING),
    E.PARTS_MISSING: ({S.COMPLETING}, S.UPLOADING),
    E.OBJECT_VANISHED: ({S.COMPLETING, S.PROCESSING}, S.FAILED),
    E.EXPIRED: ({S.UPLOADING}, S.EXPIRED),
    E.PROBED: ({S.PROCESSING}, S.READY),
    E.REJECTED: ({S.PROCESSING}, S.FAILED),
    E.SET_FAILED: ({S.READY}, S.FAILED),
    E.OBJECT_PROVEN: ({S.FAILED}, S.READY),
    E.UPLOAD_PROVEN: ({S.FAILED}, S.PROCESSING),
    E.DELETED: (set(S) - {S.DELETING}, S.DELETING),
}
"""The states in which an event may happen, and the state that it leads to."""

OF_OPERATOR: Final = frozenset({E.SET_FAILED, E.OBJECT_PROVEN, E.UPLOAD_PROVEN})
"""Events that only a command causes."""

del S, E

IN_FLIGHT: Final = frozenset({VideoStatus.UPLOADING, VideoStatus.COMPLETING})
"""States that count against a user's limit of open uploads."""

HIDDEN: Final = frozenset({VideoStatus.DELETING, VideoStatus.EXPIRED})
"""States that the API does not show."""
