"""Reads a video's metadata with a few range requests to the given source.

    >>> from mediaprobe import FileSource, probe
    >>> probe(FileSource("holiday.mov")).width
    1080

`metadata` defines the fields, and `errors` the errors.
"""

from typing import TYPE_CHECKING

from mediaprobe.budget import Budget
from mediaprobe.errors import (
    BudgetExceeded,
    FileEmpty,
    NoVideoTrack,
    ProbeError,
    SourceChanged,
    Truncated,
    UnsupportedContainer,
)
from mediaprobe.metadata import Metadata
from mediaprobe.probing import probe
from mediaprobe.sniff import SNIFF_BYTES, Container, sniff
from mediaprobe.source import BytesSource, FileSource, RangeAnswer, RangeSource

if TYPE_CHECKING:
    from mediaprobe.http_source import HttpSource

__all__ = [
    "SNIFF_BYTES",
    "Budget",
    "BudgetExceeded",
    "BytesSource",
    "Container",
    "FileEmpty",
    "FileSource",
    "HttpSource",
    "Metadata",
    "NoVideoTrack",
    "ProbeError",
    "RangeAnswer",
    "RangeSource",
    "SourceChanged",
    "Truncated",
    "UnsupportedContainer",
    "probe",
    "sniff",
]


def __getattr__(name: str) -> object:
    """Import HttpSource when it is first used, because the process of each probe starts twice as fast without it."""
    if name != "HttpSource":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mediaprobe.http_source import HttpSource

    return HttpSource
