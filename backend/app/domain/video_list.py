"""Define in which orders a list of videos can be, and what it can be narrowed to."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from app.domain.video_status import HIDDEN, VideoStatus


class VideoSort(StrEnum):
    """The orders. In each, the ID decides between videos that are otherwise equal."""

    NEWEST = "newest"
    OLDEST = "oldest"
    NAME = "name"
    NAME_DESC = "name_desc"
    LARGEST = "largest"
    SMALLEST = "smallest"
    LONGEST = "longest"
    SHORTEST = "shortest"


@dataclass(frozen=True)
class Order:
    column: Literal["created_at", "name_key", "size_bytes", "duration_ms"]
    descending: bool

    @property
    def may_be_unknown(self) -> bool:
        """Whether the column may be null. Such videos are last in both directions."""
        return self.column == "duration_ms"


ORDERS: Final[Mapping[VideoSort, Order]] = {
    VideoSort.NEWEST: Order("created_at", descending=True),
    VideoSort.OLDEST: Order("created_at", descending=False),
    VideoSort.NAME: Order("name_key", descending=False),
    VideoSort.NAME_DESC: Order("name_key", descending=True),
    VideoSort.LARGEST: Order("size_bytes", descending=True),
    VideoSort.SMALLEST: Order("size_bytes", descending=False),
    VideoSort.LONGEST: Order("duration_ms", descending=True),
    VideoSort.SHORTEST: Order("duration_ms", descending=False),
}

SHOWN: Final = frozenset(VideoStatus) - HIDDEN
"""States that a list shows."""

MAX_COUNT: Final = 1000
"""Up to here a list tells exactly how many videos match. Counting more would cost what a list of all rows costs."""


@dataclass(frozen=True)
class VideoQuery:
    """What a list shows. The default is every video."""

    sort: VideoSort = VideoSort.NEWEST
    statuses: frozenset[VideoStatus] = SHOWN
    name_part: str = ""
    """As `name_key` returns it. Empty matches every name."""

    @property
    def is_narrowed(self) -> bool:
        return bool(self.name_part) or self.statuses != SHOWN


def name_key(name: str) -> str:
    """Return the form in which names are compared and searched, whatever their case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
