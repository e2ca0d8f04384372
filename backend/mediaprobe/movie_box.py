"""Finds the `moov` of an ISO base media file, by walking its boxes and then by a search from the end.

A camera may write one `mdat` for each frame, so the walk ends after a few requests. A size or type may be damaged, so
a walk that does not find `moov` proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

from mediaprobe.boxes import Box, boxes, find
from mediaprobe.reader import Reader
from mediaprobe.tail import find_lost

# A file with its header last takes two requests, and one with two large `mdat` three.
_WALK_REQUESTS = 3
_WALK_BOXES = 1000
# `mvhd`, `iods` and `meta` may precede the first `trak`.
_BEFORE_TRACKS = 32
_BEFORE_TRACK = frozenset({b"mvhd", b"iods", b"meta", b"udta"})
# FFmpeg also reads a `moov` that was made invisible by one of these types.
_HIDING = frozenset({b"free", b"skip", b"hoov"})
TOP_LEVEL = frozenset(
    b"ftyp styp pdin free skip wide pnot PICT mdat moof mfra sidx ssix emsg prft meta uuid udta junk".split()
)


@dataclass(slots=True)
class Walk:
    """What a walk over the first boxes has seen."""

    moov: Box | None = None
    # A `free` box that contains a movie header
    hidden: Box | None = None
    types: set[bytes] = field(default_factory=set)
    # The first `mdat`, and the last box
    media: Box | None = None
    last: Box | None = None
    # Whether the boxes fill the file, except that the last one may be cut off
    whole: bool = False


def walk(reader: Reader) -> Walk:
    """Walk to the first `moov`, as far as that takes few requests."""
    seen = Walk()
    for box in islice(boxes(reader, 0, reader.size), _WALK_BOXES):
        if box.type == b"moov":
            seen.moov = box
            break
        if box.type in _HIDING and reader.read(box.start + 12, 4) in (b"mvhd", b"cmov"):
            seen.hidden = box
        if box.type == b"mdat" and seen.media is None:
            seen.media = box
        seen.types.add(box.type)
        seen.last = box
        if reader.spending.requests >= _WALK_REQUESTS and not reader.has_cached(box.end, 16):
            break
    seen.whole = seen.last is not None and reader.size - seen.last.end < 8
    return seen


def with_following_tracks(reader: Reader, moov: Box) -> Box | None:
    """Return the `moov` with the tracks that follow it, because its size is too small, or None if none does."""
    end: int | None = None
    for box in boxes(reader, moov.end, reader.size):
        if box.type == b"trak":
            end = box.end
        elif box.type not in _BEFORE_TRACK:
            break
    return None if end is None else Box(moov.type, moov.start, moov.body, end, end)


def search(reader: Reader, seen: Walk) -> tuple[Box | None, bool]:
    """Return another plausible `moov` than the walk's, and whether there is surely none.

    Media data may contain the four letters by chance, so a plausible one has a track.
    """

    def check(type_at: int) -> Box | None:
        moov = next(boxes(reader, type_at - 4, reader.size), None)
        if moov is None or moov.type != b"moov" or (seen.moov is not None and moov.start == seen.moov.start):
            return None
        for child in islice(boxes(reader, moov.body, moov.end), _BEFORE_TRACKS):
            if child.type == b"trak" and find(reader, child, b"tkhd", b"mdia"):
                return moov
            if child.type == b"cmov" and find(reader, child, b"cmvd"):
                return moov
        return None

    if seen.hidden is not None:
        return seen.hidden, False
    found, absent = find_lost(reader, b"moov", check)
    return found, absent or (found is None and _is_cut_off(seen))


def _is_cut_off(seen: Walk) -> bool:
    """Return whether known boxes fill the file. A `moof` never precedes its `moov`."""
    if seen.last is None or not seen.types <= TOP_LEVEL:
        return False
    return b"moof" in seen.types or (seen.whole and (seen.last.type == b"mdat" or not seen.last.cut))
