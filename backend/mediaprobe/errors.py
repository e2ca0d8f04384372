"""What a probe can end in besides an answer: typed errors, each with a code and a sentence for the user.

ProbeError
├── UnsupportedContainer   the bytes are not one of the five containers, or no video at all
│   └── FileEmpty          there are no bytes (only `sniff` says so; a stored object is never empty)
├── NoVideoTrack           the container is fine and holds no picture track
├── Truncated              the header is cut off or was never written
├── Unreadable             the header is there and contradicts itself
├── BudgetExceeded         the reader's own limits ended the reading: says nothing about the file's worth
└── SourceChanged          the object was replaced while it was being read
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from mediaprobe.metadata import Metadata


class ProbeError(Exception):
    """Base of all of them; `detail` says what is wrong and what to do about it."""

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
    """A limit on requests, bytes or time was reached; what was learnt until then comes along."""

    code = "budget_exceeded"

    def __init__(self, detail: str, *, container: str | None = None, partial: Metadata | None = None) -> None:
        super().__init__(detail)
        self.container = container
        self.partial = partial


class SourceChanged(ProbeError):
    code = "source_changed"
