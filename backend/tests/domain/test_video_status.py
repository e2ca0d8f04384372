"""Check every transition against docs/reference/contract.md."""

from app.domain.video_status import (
    HIDDEN,
    IN_FLIGHT,
    TRANSITIONS,
    VideoEvent,
    VideoStatus,
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
    ("failed", "object_proven", "ready"),
    ("failed", "upload_proven", "processing"),
    ("uploading", "deleted", "deleting"),
    ("completing", "deleted", "deleting"),
    ("processing", "deleted", "deleting"),
    ("ready", "deleted", "deleting"),
    ("failed", "deleted", "deleting"),
    ("expired", "deleted", "deleting"),
]


def test_has_these_transitions_and_no_others() -> None:
    found = [
        (source, event, target) for event, (sources, target) in TRANSITIONS.items() for source in sources
    ]
    assert sorted(found) == sorted(EDGES)


def test_deleted_is_final() -> None:
    assert not [event for event, (sources, _) in TRANSITIONS.items() if VideoStatus.DELETING in sources]


def test_nothing_but_a_missing_part_leads_back_to_uploading() -> None:
    back = {event for event, (_, target) in TRANSITIONS.items() if target is VideoStatus.UPLOADING}
    assert back == {VideoEvent.PARTS_MISSING}


def test_uploads_count_as_open_until_verified() -> None:
    assert {VideoStatus.UPLOADING, VideoStatus.COMPLETING} == IN_FLIGHT


def test_removed_videos_are_hidden() -> None:
    assert {VideoStatus.DELETING, VideoStatus.EXPIRED} == HIDDEN
