"""What a sweep found and did, category by category, and the rule that stops one that would do too much."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from app.domain.errors import readable_bytes

MAX_EXAMPLES: Final = 10


class Category(StrEnum):
    """Where the store and the rows disagree."""

    UNOWNED_UPLOADS = "unowned_uploads"
    """Multipart uploads no row owns, older than the grace time: aborted."""
    UPLOADS_BESIDE_OBJECT = "uploads_beside_object"
    """The same, but an object that no row knows stands at their key: left alone."""
    UNKNOWN_OBJECTS = "unknown_objects"
    """Objects without a row, older than the grace time: removed only when asked for."""
    FAILED_OBJECTS = "failed_objects"
    """Objects of videos that failed and were cleared: handed to the removal."""
    RETURNED_OBJECTS = "returned_objects"
    """Objects at the keys of videos that failed because theirs was gone: left alone."""
    MISSING_OBJECTS = "missing_objects"
    """Ready videos whose object is not there: failed after a second look."""
    REPLACED_OBJECTS = "replaced_objects"
    """Ready videos at whose key another object lies: failed after a second look."""
    UNANSWERED = "unanswered"
    """Keys the store would not answer for: passed over, and asked again later."""


class Outcome(StrEnum):
    """How a sweep ended."""

    DONE = "done"
    BRAKED = "braked"
    """It would have done too much: what a brake stops was not changed."""
    REFUSED = "refused"
    """The bucket is not known to be this database's; nothing was changed."""


class Brake(StrEnum):
    """What stops where it would be too much; each alone."""

    STRAYS = "strays"
    """Uploads and objects that no row accounts for."""
    AUDIT = "audit"
    """Ready videos whose objects are lost."""


class MarkerState(StrEnum):
    """Whose bucket this is, by the object in it that says so."""

    OURS = "ours"
    ADOPTED = "adopted"
    """Written just now: there was none, or a person said that this database's is to replace it."""
    ABSENT = "absent"
    """There is none, and none was written: this database has another bucket, or what lies here does not fit it."""
    FOREIGN = "foreign"


@dataclass(frozen=True)
class Finding:
    """One category: how many, how large, how old; and how many of them were dealt with in this pass."""

    count: int = 0
    bytes: int = 0
    oldest_seconds: int = 0
    done: int = 0
    examples: tuple[str, ...] = ()
    """Some object keys."""


@dataclass
class Tally:
    """A finding while it is counted."""

    count: int = 0
    bytes: int = 0
    oldest: timedelta = timedelta()
    done: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, object_key: str, size_bytes: int, age: timedelta) -> None:
        self.count += 1
        self.bytes += size_bytes
        self.oldest = max(self.oldest, age)
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(object_key)

    def finding(self) -> Finding:
        return Finding(
            self.count, self.bytes, int(self.oldest.total_seconds()), self.done, tuple(self.examples)
        )


@dataclass(frozen=True)
class SweepReport:
    outcome: Outcome
    braked: frozenset[Brake]
    marker: MarkerState
    dry_run: bool
    uploads: int
    """Open multipart uploads listed."""
    objects: int
    """Objects listed."""
    audited: int
    """Ready videos whose object was asked for."""
    findings: Mapping[Category, Finding]

    def as_dict(self) -> dict[str, Any]:
        """For programs: plain JSON values, every category present."""
        return {
            "outcome": self.outcome.value,
            "braked": sorted(self.braked),
            "marker": self.marker.value,
            "dry_run": self.dry_run,
            "uploads": self.uploads,
            "objects": self.objects,
            "audited": self.audited,
            "findings": {
                category.value: {**asdict(found), "examples": list(found.examples)}
                for category, found in self.findings.items()
            },
        }

    def as_text(self) -> str:
        """For people: a line each for what there is, then what was looked at and how it ended."""
        lines = [
            f"{category.value.replace('_', ' ')}: {found.count} ({readable_bytes(found.bytes)}, "
            f"oldest {readable_age(found.oldest_seconds)}), {_DEALT_WITH[category]}: {found.done}"
            for category, found in self.findings.items()
            if found.count
        ]
        looked = (
            f"Looked at {self.uploads} open uploads and {self.objects} objects; "
            f"asked for {self.audited} objects of ready videos."
        )
        return "\n".join([*lines, looked, self._sentence()])

    def _sentence(self) -> str:
        if self.outcome is Outcome.BRAKED:
            stopped = " ".join(_STOPPED[brake] for brake in Brake if brake in self.braked)
            return f"Stopped. {stopped} If all of that is right: slipway sweep --force"
        if self.outcome is Outcome.REFUSED:
            whose = (
                "belongs to another database"
                if self.marker is MarkerState.FOREIGN
                else "does not say whose it is, and what lies in it does not fit this database, or that has another one"
            )
            return (
                f"Refused: the bucket {whose}. Nothing was changed. "
                "If this database is the right one: slipway sweep --adopt"
            )
        return "A dry run: nothing was changed." if self.dry_run else "Done."


_DEALT_WITH: Final = {
    Category.UNOWNED_UPLOADS: "aborted",
    Category.UPLOADS_BESIDE_OBJECT: "aborted",
    Category.UNKNOWN_OBJECTS: "removed",
    Category.FAILED_OBJECTS: "to be removed",
    Category.RETURNED_OBJECTS: "removed",
    Category.MISSING_OBJECTS: "set failed",
    Category.REPLACED_OBJECTS: "set failed",
    Category.UNANSWERED: "dealt with",
}

_STOPPED: Final = {
    Brake.STRAYS: "More uploads and objects would have gone than a sweep may change (10, or 1 % of what it looked "
    "at): none was changed.",
    Brake.AUDIT: "More ready videos lost their objects within a day than a sweep may fail (10, or 1 % of all): none "
    "was set failed.",
}


def most_changes(looked_at: int) -> int:
    """How many things one pass may change when it looked at so many: 10, or 1 %."""
    return max(10, looked_at // 100)


def readable_age(seconds: int) -> str:
    """5400 -> '1.5 h'."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds} s"
