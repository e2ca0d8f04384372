"""Define what a sweep reports, and how much it may change without an operator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

from app.domain.errors import readable_bytes

MAX_EXAMPLES: Final = 10


class Category(StrEnum):
    """A way in which the store and the database disagree, or something that somebody should know."""

    UNOWNED_UPLOADS = "unowned_uploads"
    """Multipart uploads that no row owns, older than the grace time. The sweep aborts them."""
    UPLOADS_BESIDE_OBJECT = "uploads_beside_object"
    """Unowned uploads at the key of an object without a row. The sweep leaves them."""
    UNKNOWN_OBJECTS = "unknown_objects"
    """Objects without a row, older than the grace time. Only `--remove-objects` removes them."""
    FAILED_OBJECTS = "failed_objects"
    """Objects of failed videos whose storage was removed before. The removal runs again."""
    RETURNED_OBJECTS = "returned_objects"
    """Objects of videos that failed because their object was missing. The sweep leaves them."""
    MISSING_OBJECTS = "missing_objects"
    """Ready videos without their object. Only `--fail-missing` changes them."""
    REPLACED_OBJECTS = "replaced_objects"
    """Ready videos with another object at their key. Only `--fail-missing` changes them."""
    WAITING_VIDEOS = "waiting_videos"
    """Videos in `processing` that the store, the database or the scanner has kept from being ready."""
    UNANSWERED = "unanswered"
    """Keys for which the store returned an error. A later sweep asks again."""


class Outcome(StrEnum):
    """How a sweep ended."""

    DONE = "done"
    OVER_LIMIT = "over_limit"
    """The sweep found more orphans than it may remove, and removed none."""
    REFUSED = "refused"
    """The bucket may belong to another database. The sweep changed nothing."""


class MarkerState(StrEnum):
    """Whose bucket this is, according to its marker object."""

    OURS = "ours"
    ADOPTED = "adopted"
    """This sweep wrote the marker."""
    ABSENT = "absent"
    FOREIGN = "foreign"
    """The marker names another database or cannot be read."""


@dataclass
class Finding:
    """The items of one category."""

    count: int = 0
    bytes: int = 0
    oldest_seconds: int = 0
    """Age of the oldest item. For a missing or replaced object, the time since the first check that found it so."""
    done: int = 0
    """How many of them this sweep changed."""
    examples: list[str] = field(default_factory=list)
    """Up to MAX_EXAMPLES object keys."""

    def add(self, object_key: str, size_bytes: int, age: timedelta) -> None:
        self.count += 1
        self.bytes += size_bytes
        self.oldest_seconds = max(self.oldest_seconds, int(age.total_seconds()))
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(object_key)


def new_findings() -> dict[Category, Finding]:
    return {category: Finding() for category in Category}


@dataclass(frozen=True)
class SweepReport:
    outcome: Outcome
    marker: MarkerState
    dry_run: bool
    uploads: int
    """Multipart uploads listed."""
    objects: int
    """Objects listed."""
    audited: int
    """Ready videos whose object was checked."""
    unconfirmed: int
    """Missing and replaced objects that were first found less than RECHECK_AFTER ago."""
    findings: Mapping[Category, Finding]

    def as_text(self) -> str:
        """Return a line for each category with items, then the totals and the outcome."""
        lines = [
            f"{category.value.replace('_', ' ')}: {found.count} ({readable_bytes(found.bytes)}, "
            f"oldest {found.oldest_seconds / 3600:.1f} h), changed: {found.done}"
            for category, found in self.findings.items()
            if found.count
        ]
        if self.unconfirmed:
            lines.append(f"missing or replaced at one check only, to be rechecked: {self.unconfirmed}")
        lines.append(
            f"Listed {self.uploads} open uploads and {self.objects} objects. "
            f"Checked the objects of {self.audited} ready videos."
        )
        return "\n".join([*lines, self._sentence()])

    def _sentence(self) -> str:
        if self.outcome is Outcome.OVER_LIMIT:
            return (
                "Stopped. The uploads and objects to remove are more than 10 and more than 1 % of those listed. "
                "None was removed. If all of them should go, run `slipway sweep --force`."
            )
        if self.outcome is Outcome.REFUSED:
            return (
                f"Refused. The bucket's marker is {self.marker.value}, so its objects may belong to another database. "
                "The sweep changed nothing. If this is the right database, run `slipway sweep --adopt`."
            )
        return "Nothing was changed." if self.dry_run else "Done."


def max_changes(listed: int) -> int:
    """Return how many orphans a sweep that listed so many uploads and objects may remove."""
    return max(10, listed // 100)
