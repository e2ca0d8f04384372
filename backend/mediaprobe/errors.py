"""The errors of a probe, each with a code and a sentence for the user.

ProbeError
├── UnsupportedContainer   the file is in none of the five containers, or is no video
│   └── FileEmpty          the file is empty (raised by `sniff` alone, because a stored object is never empty)
├── NoVideoTrack           the container has no video track
├── Truncated              the header is cut off or was never written
├── Unreadable             the header contradicts itself
├── BudgetExceeded         a limit of the reader was reached, which says nothing about the file
└── SourceChanged          the object was replaced while it was being read
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from mediaprobe.metadata import Metadata


class ProbeError(Exception):
    """The base class. `detail` says what is wrong and what to do."""

    code: ClassVar[str]

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class UnsupportedContainer(ProbeError):
    code = "unsupported_container"


class FileEmpty(UnsupportedContainer):
    code = "file_empty"


class NoVideoTrack(ProbeError):
    code = "no_video_track"


class Truncated(ProbeError):
    code = "truncated"


class Unreadable(ProbeError):
    code = "unreadable"


class BudgetExceeded(ProbeError):
    """A limit on requests, bytes or time was reached. `partial` has the metadata read until then."""

    code = "budget_exceeded"

    def __init__(self, detail: str, *, container: str | None = None, partial: Metadata | None = None) -> None:
        super().__init__(detail)
        self.container = container
        self.partial = partial


class SourceChanged(ProbeError):
    code = "source_changed"
