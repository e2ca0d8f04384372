"""Check every transition against docs/reference/contract.md."""

import itertools

import pytest

from app.domain.video_status import (
    HIDDEN,
    IN_FLIGHT,
    TRANSITIONS,
    IllegalTransition,
    VideoEvent,
    VideoStatus,
    next_status,
    sources_of,
)

EDGES = [
    ("uploading", "complete_claimed", "completing"),
    ("uploading", "expired", "expired"),
    ("completing", "complete_verified", "processing"),
    ("completing", "parts_missing", "uploading"),
    ("completing", "object_vanished", "failed"),
    ("processing", "object_vanished", "failed"),
    ("processing", "probed", "ready"),
    ("processing", "rejected", "failed"),
    ("ready", "set_failed", "failed"),
    ("uploading", "deleted", "deleting"),
    ("completing", "deleted", "deleting"),
    ("processing", "deleted", "deleting"),
    ("ready", "deleted", "deleting"),
    ("failed", "deleted", "deleting"),
    ("expired", "deleted", "deleting"),
]
KNOWN = {(status, event) for status, event, _ in EDGES}
UNKNOWN = sorted(set(itertools.product(list(VideoStatus), list(VideoEvent))) - KNOWN)


@pytest.mark.parametrize(("status", "event", "after"), EDGES)
def test_event_leads_to_its_status(status: str, event: str, after: str) -> None:
    assert next_status(VideoStatus(status), VideoEvent(event)) == after


@pytest.mark.parametrize(("status", "event"), UNKNOWN)
def test_refuses_every_other_pair(status: VideoStatus, event: VideoEvent) -> None:
    with pytest.raises(IllegalTransition, match=event):
        next_status(status, event)


def test_has_no_other_transitions() -> None:
    assert {(status, event, after) for (status, event), after in TRANSITIONS.items()} == set(EDGES)


@pytest.mark.parametrize("event", VideoEvent)
def test_sources_match_the_transitions(event: VideoEvent) -> None:
    assert sources_of(event) == {status for status, happening, _ in EDGES if happening == event}


@pytest.mark.parametrize("event", VideoEvent)
def test_every_event_has_one_target(event: VideoEvent) -> None:
    """A guarded UPDATE writes one target from any source."""
    assert len({next_status(source, event) for source in sources_of(event)}) == 1


def test_deleted_is_final() -> None:
    assert not [event for status, event in TRANSITIONS if status is VideoStatus.DELETING]


def test_nothing_but_a_missing_part_leads_back_to_uploading() -> None:
    back = {event for (_, event), after in TRANSITIONS.items() if after is VideoStatus.UPLOADING}
    assert back == {VideoEvent.PARTS_MISSING}


def test_uploads_count_as_open_until_verified() -> None:
    assert {VideoStatus.UPLOADING, VideoStatus.COMPLETING} == IN_FLIGHT


def test_removed_videos_are_hidden() -> None:
    assert {VideoStatus.DELETING, VideoStatus.EXPIRED} == HIDDEN
