"""Define the states of a video, the events, and the transitions between them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
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
    """The content is not an accepted video."""
    SET_FAILED = "set_failed"
    """An operator failed a ready video because its object is missing or replaced. Never automatic."""
    DELETED = "deleted"
    """The user deleted the video."""


S, E = VideoStatus, VideoEvent

TRANSITIONS: Final[Mapping[tuple[VideoStatus, VideoEvent], VideoStatus]] = MappingProxyType(
    {
        (S.UPLOADING, E.COMPLETE_CLAIMED): S.COMPLETING,
        (S.UPLOADING, E.EXPIRED): S.EXPIRED,
        (S.COMPLETING, E.COMPLETE_VERIFIED): S.PROCESSING,
        (S.COMPLETING, E.PARTS_MISSING): S.UPLOADING,
        (S.COMPLETING, E.OBJECT_VANISHED): S.FAILED,
        (S.PROCESSING, E.OBJECT_VANISHED): S.FAILED,
        (S.PROCESSING, E.PROBED): S.READY,
        (S.PROCESSING, E.REJECTED): S.FAILED,
        (S.READY, E.SET_FAILED): S.FAILED,
        **{(status, E.DELETED): S.DELETING for status in S if status is not S.DELETING},
    }
)

del S, E

IN_FLIGHT: Final = frozenset({VideoStatus.UPLOADING, VideoStatus.COMPLETING})
"""States that count against a user's limit of open uploads."""

HIDDEN: Final = frozenset({VideoStatus.DELETING, VideoStatus.EXPIRED})
"""States that the API does not show."""


class IllegalTransition(Exception):
    """The code asked for a transition that does not exist. This is a bug, never a user's error."""


def next_status(status: VideoStatus, event: VideoEvent) -> VideoStatus:
    """Return the state after `event`. Raise IllegalTransition if there is no such transition."""
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        raise IllegalTransition(f"{event} cannot happen to a video that is {status}") from None


def sources_of(event: VideoEvent) -> frozenset[VideoStatus]:
    """Return the states in which `event` may happen, for the WHERE of its guarded UPDATE."""
    return frozenset(status for status, happening in TRANSITIONS if happening is event)
