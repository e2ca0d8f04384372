"""The state machine of a video: its states, what may happen to it, and where that leads."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class VideoStatus(StrEnum):
    """Where a video is in its life. The row is gone after `deleting` and `expired`."""

    UPLOADING = "uploading"
    COMPLETING = "completing"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"
    DELETING = "deleting"


class VideoEvent(StrEnum):
    """What can happen to a video."""

    COMPLETE_CLAIMED = "complete_claimed"
    """A complete call took the lease."""
    COMPLETE_PROVEN = "complete_proven"
    """The assembled object is the one that was announced."""
    PARTS_MISSING = "parts_missing"
    """The store's part list differs from the plan: the browser sends the named parts again."""
    OBJECT_VANISHED = "object_vanished"
    """Upload and object are both gone from the store."""
    EXPIRED = "expired"
    """No progress for the grace time."""
    PROBED = "probed"
    """The metadata is known, as far as it can be."""
    REJECTED = "rejected"
    """A verdict on the bytes: this is not a video we take."""
    SET_FAILED = "set_failed"
    """An operator failed a ready video because its object is missing or replaced. Never automatic."""
    DELETED = "deleted"
    """The user asked for it."""


S, E = VideoStatus, VideoEvent

TRANSITIONS: Final[Mapping[tuple[VideoStatus, VideoEvent], VideoStatus]] = MappingProxyType(
    {
        (S.UPLOADING, E.COMPLETE_CLAIMED): S.COMPLETING,
        (S.UPLOADING, E.EXPIRED): S.EXPIRED,
        (S.COMPLETING, E.COMPLETE_PROVEN): S.PROCESSING,
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
"""What counts against a user's limit of open uploads."""

HIDDEN: Final = frozenset({VideoStatus.DELETING, VideoStatus.EXPIRED})
"""What the API no longer shows: to the user these are gone already."""


class IllegalTransition(Exception):
    """Our own code asked for a change the state machine does not know: a bug, never a user's error."""


def next_status(status: VideoStatus, event: VideoEvent) -> VideoStatus:
    """The state after `event`; raises IllegalTransition where the machine has no such edge."""
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        raise IllegalTransition(f"{event} cannot happen to a video that is {status}") from None


def sources_of(event: VideoEvent) -> frozenset[VideoStatus]:
    """The states in which `event` may happen; the WHERE of its guarded UPDATE."""
    return frozenset(status for status, happening in TRANSITIONS if happening is event)
