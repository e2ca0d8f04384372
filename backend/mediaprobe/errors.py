"""The errors of a probe, each with a code and a sentence for the user.

ProbeError
├── UnsupportedContainer   the file is in none of the accepted containers, or is no video
│   └── FileEmpty          the file is empty (raised by `sniff` alone, because a stored object is never empty)
├── NoVideoTrack           every track was read, and none is a picture track of any kind
├── Truncated              the header is surely absent, because it was cut off or never written
├── BudgetExceeded         a limit of the reader was reached, which says nothing about the file
└── SourceChanged          the object was replaced while it was being read

A doubt never refuses. The person's file is removed after UnsupportedContainer, NoVideoTrack and Truncated, so each of
them needs proof, and a reader that is not sure returns the metadata that it knows. NoVideoTrack needs a header that
ends where its size says, has only known parts, and describes at least one track or has room for none. Every track
must have a type that never shows pictures. Each parser keeps this proof in `understood`. Truncated needs a search of
the whole file or of its end, and known boxes that fill the file. A damaged size, an unknown box, track type or codec,
and a limit of the reader are doubts.
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

    def __init__(self, detail: str = "There's no picture in this file. Choose a video.") -> None:
        super().__init__(detail)


class Truncated(ProbeError):
    code = "truncated"

    def __init__(
        self,
        detail: str = (
            "The description of the video is missing from this file. The recording or the copy was probably cut off. "
            "Upload the complete file, or repair it with the camera maker's software first."
        ),
    ) -> None:
        super().__init__(detail)


class BudgetExceeded(ProbeError):
    """A limit on requests, bytes, time or work was reached. `partial` has the metadata read until then."""

    code = "budget_exceeded"

    def __init__(self, detail: str, *, container: str | None = None, partial: Metadata | None = None) -> None:
        super().__init__(detail)
        self.container = container
        self.partial = partial


class SourceChanged(ProbeError):
    code = "source_changed"
