"""Measures the duration of a fragmented MP4 from its first and last `moof`.

FFmpeg reads every fragment, which takes 5,400 requests for three hours. Here the last one comes from `mfra` or from a
search backwards from the end.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice

from mediaprobe.boxes import Box, body, boxes, find, u16, u32, u64
from mediaprobe.reader import JUMP, KIB, MIB, ROWS_A_UNIT, Reader
from mediaprobe.tail import MAX_TAIL, find_last

# An hour of frames at 50 per second. A hostile file has millions.
_MAX_ROWS = 200_000
# Three hours of one-second fragments, an index of 144 KiB. The end of the file says the same in fewer bytes.
_MAX_SIDX_ENTRIES = 12_288
# If at most this many fragments or bytes are left, all of them are read.
_MAX_WALKED = 3
_MAX_WALKED_BYTES = 192 * KIB
# At most this many fragments are read one by one if they are too large for a search from the end.
_MAX_WALKED_LARGE = 16
# Limit of the boxes from the last `moof` to the end of the file.
_MAX_CHAIN = 64
_MAX_MFRA = 4 * MIB
# An estimate of the duration uses at most this many fragments and requests, and needs this share of the bytes. With a
# variable bit rate a smaller share was wrong by a factor of 120.
_MAX_SAMPLED = 24
_SAMPLING_REQUESTS = 24
_LEAST_SHARE = Fraction(1, 5)
_NEARLY = Fraction(9, 10)
# The type of the "box" that reserved or missing bytes make, which are zero
_PADDING = bytes(4)
# The decode time in Smooth Streaming, which has no `tfdt` ([MS-SSTR], 2.2.4.4)
_TFXD = bytes.fromhex("6d1d9b0542d544e680e2141daff757b2")
_FRAGMENT_STARTS = frozenset({b"moof", b"styp", b"sidx"})
_TOP_LEVEL = frozenset(b"moof mdat styp sidx ssix emsg prft mfra free skip uuid wide".split())


# The timescale and the initial empty duration of each track
Tracks = Mapping[int, tuple[int, Fraction]]


@dataclass(slots=True)
class TrackRun:
    """The samples of one track in the fragments read so far, in its timescale."""

    first: int | None = None
    end: int = 0
    ticks: int = 0
    samples: int = 0
    durations: Counter[int] = field(default_factory=Counter)
    # The end before the last fragment
    before: int = 0


@dataclass(slots=True)
class Timeline:
    runs: dict[int, TrackRun] = field(default_factory=dict)
    # Whether a fragment has a decode time
    timed: bool = False
    # The offset of the last fragment added, and whether fragments before it were skipped
    newest: int = -1
    gap: bool = False
    # Rows of `trun` read so far
    rows: int = 0
    # Whether the last box extends past the end of the file
    cut: bool = False
    # The share of the last fragment's media data that is there
    share: Fraction = Fraction(1)

    def end(self, tracks: Tracks) -> Fraction | None:
        """Return the end of these tracks' last sample on the movie's timeline, which begins at 0 (8.8.12)."""
        return max(self._times(tracks, lambda run: run.end), default=None)

    def start(self, tracks: Tracks) -> Fraction:
        return min(self._times(tracks, lambda run: run.first or 0), default=Fraction(0))

    def covered(self, tracks: Tracks) -> Fraction:
        """Return the end of the media data that is there."""
        end = self.end(tracks) or Fraction(0)
        before = max(self._times(tracks, lambda run: run.before), default=Fraction(0))
        return before + (end - before) * self.share

    def _times(self, tracks: Tracks, time: Callable[[TrackRun], int]) -> list[Fraction]:
        return [
            Fraction(time(run), tracks[track][0]) + tracks[track][1]
            for track, run in self.runs.items()
            if track in tracks and tracks[track][0] > 0 and run.samples
        ]


def add_fragment(reader: Reader, moof: Box, defaults: dict[int, int], timeline: Timeline) -> bool:
    """Add one `moof`. Return False if it has no run of samples."""
    added = False
    timeline.newest = moof.start
    timeline.share = Fraction(0)
    reader.spending.count_work(len(timeline.runs) // ROWS_A_UNIT)
    for known in timeline.runs.values():
        known.before = known.end
    for traf in boxes(reader, moof.body, moof.end):
        if traf.type != b"traf":
            continue
        found = find(reader, traf, b"tfhd", b"tfdt")
        if b"tfhd" not in found:
            continue
        track, default = _track_header(body(reader, found[b"tfhd"], 32))
        run = timeline.runs.setdefault(track, TrackRun())
        time = _decode_time(reader, traf, found.get(b"tfdt"))
        if timeline.gap and time is None:
            continue  # without a decode time a fragment continues the previous one, which was skipped
        timeline.timed = timeline.timed or time is not None
        start = run.end if time is None else time
        if run.first is None:
            run.first = run.before = start
        ticks = 0
        for trun in boxes(reader, traf.body, traf.end):
            if trun.type == b"trun":
                fallback = default if default is not None else defaults.get(track, 0)
                ticks += _add_run(reader, trun, fallback, run, timeline)
                added = True
        run.ticks += ticks
        run.end = max(run.end, start + ticks)
    return added


def _track_header(tfhd: bytes) -> tuple[int, int | None]:
    """Return track ID and default sample duration (14496-12, 8.8.7)."""
    flags = u32(tfhd, 0) & 0xFFFFFF
    offset = 8 + (8 if flags & 0x01 else 0) + (4 if flags & 0x02 else 0)
    return u32(tfhd, 4), u32(tfhd, offset) if flags & 0x08 else None


def _decode_time(reader: Reader, traf: Box, tfdt: Box | None) -> int | None:
    """Return the time in `tfdt` (14496-12, 8.8.12), else in `tfxd`."""
    data = _tfxd(reader, traf) if tfdt is None else body(reader, tfdt, 12)
    if not data:
        return None
    # FFmpeg begins the sound of Smooth Streaming before 0.
    return int.from_bytes(data[4:12], "big", signed=True) if data[:1] == b"\x01" else u32(data, 4)


def _tfxd(reader: Reader, traf: Box) -> bytes:
    """Return the fields after its UUID, which are those of `tfdt`, or nothing."""
    for box in boxes(reader, traf.body, traf.end):
        if box.type == b"uuid" and body(reader, box, 16) == _TFXD:
            return body(reader, box, 28)[16:]
    return b""


def _add_run(reader: Reader, trun: Box, default: int, run: TrackRun, timeline: Timeline) -> int:
    """Return the sum of the sample durations of one `trun` (14496-12, 8.8.8)."""
    head = reader.read(trun.body, 8)
    flags, count = u32(head, 0) & 0xFFFFFF, u32(head, 4)
    if not flags & 0x100:
        # Without per-sample fields the box's size does not limit the count.
        run.samples += count
        run.durations[default] += count
        return count * default
    row = 4 * (flags >> 8 & 0xF).bit_count()
    start = trun.body + 8 + (4 if flags & 0x01 else 0) + (4 if flags & 0x04 else 0)
    count = min(count, max(0, trun.end - start) // row, _MAX_ROWS - timeline.rows)
    reader.spending.count_work(count // ROWS_A_UNIT)
    durations = [values[0] for values in struct.iter_unpack(f">I{row - 4}x", reader.read(start, count * row))]
    run.samples += len(durations)
    run.durations.update(durations)
    timeline.rows += len(durations)
    return sum(durations)


def should_read_all(reader: Reader, first: Box, timeline: Timeline) -> bool:
    """Return whether to read every fragment, which needs neither an index nor the header's values."""
    length, left = _first_length(reader, first)
    count = left // length
    if count <= _MAX_WALKED or left <= _MAX_WALKED_BYTES:
        return True
    return count <= _MAX_WALKED_LARGE and not _is_last_findable(length, timeline)


def _is_last_findable(length: int, timeline: Timeline) -> bool:
    """Return whether a search from the end reaches the last fragment, which needs a decode time to be of use."""
    return timeline.timed and length <= MAX_TAIL


def add_from(reader: Reader, start: Box, defaults: dict[int, int], timeline: Timeline) -> bool:
    """Add the new fragments from `start` to the end of the file."""
    added = start.start <= timeline.newest
    for box in boxes(reader, start.start, reader.size):
        if box.type == _PADDING:
            break
        if box.type == b"moof" and not box.cut and box.start > timeline.newest:
            added = add_fragment(reader, box, defaults, timeline) or added
        if box.type == b"mdat":
            timeline.share = Fraction(box.end - box.body, max(1, box.stop - box.body))
        timeline.cut = box.cut
    return added


def add_last(reader: Reader, first: Box, defaults: dict[int, int], timeline: Timeline) -> bool:
    """Add the last fragment, from `mfra` or by a search from the end. Return False if there is none."""
    if not timeline.timed:
        return False
    length, _ = _first_length(reader, first)
    timeline.gap = True
    last = _by_index(reader, length)
    if last is None and _is_last_findable(length, timeline):
        last = find_last(reader, (first.end, reader.size), b"moof", _chain(reader), length)
    return last is not None and add_from(reader, last, defaults, timeline)


def _first_length(reader: Reader, first: Box) -> tuple[int, int]:
    """Return the number of bytes from the first `moof` to the end of its `mdat`, and of those after it."""
    end = list(islice(boxes(reader, first.start, reader.size), 2))[-1].end
    return end - first.start, reader.size - end


def add_some(reader: Reader, first: Box, defaults: dict[int, int], timeline: Timeline) -> Fraction:
    """Add fragments from the first on. Return their share of the bytes of all fragments, or 0 if it is not known.

    It is not known if the file ends in padding, or if a search did not find the last fragment.
    """
    length, _ = _first_length(reader, first)
    tail = reader.read(max(0, reader.size - JUMP), JUMP)
    if _is_last_findable(length, timeline) or not any(tail):
        return Fraction(0)
    timeline.gap = False
    end = first.start
    fragments = 0
    for box in boxes(reader, first.start, reader.size):
        if box.type == b"moof":
            fragments += 1
            if fragments > _MAX_SAMPLED or reader.spending.requests >= _SAMPLING_REQUESTS:
                break
            if box.start > timeline.newest:
                add_fragment(reader, box, defaults, timeline)
        end = box.end
    share = Fraction(end - first.start, reader.size - first.start)
    return share if share >= _LEAST_SHARE else Fraction(0)


def seems_wrong(reader: Reader, first: Box, time: Fraction, stated: Fraction) -> bool:
    """Return whether the file's size clearly differs from the first fragment's bytes a second times the duration."""
    length, left = _first_length(reader, first)
    ratio = (length + left) * time / (length * stated)
    return not _NEARLY <= ratio <= 2


def _chain(reader: Reader) -> Callable[[int], Box | None]:
    """Return a check that accepts a `moof` followed by boxes up to the end of the file. The last may be cut off."""

    def check(type_at: int) -> Box | None:
        moof: Box | None = None
        for box in islice(boxes(reader, type_at - 4, reader.size), _MAX_CHAIN):
            if moof is None:
                if box.cut or not find(reader, box, b"mfhd"):
                    return None
                moof = box
            if box.type == _PADDING:
                break
            if box.type not in _TOP_LEVEL:
                return None
        return moof

    return check


def _by_index(reader: Reader, length: int) -> Box | None:
    """Return the last fragment by the offsets in `mfra`, whose size is in `mfro`, the file's last 16 bytes."""
    tail = reader.read(max(0, reader.size - JUMP), JUMP)
    size = u32(tail, len(tail) - 4)
    if tail[-12:-8] != b"mfro" or not 16 < size <= min(_MAX_MFRA, reader.size):
        return None
    index = next(boxes(reader, reader.size - size, reader.size), None)
    if index is None or index.type != b"mfra":
        return None
    offsets = [
        _last_access(reader, box) for box in boxes(reader, index.body, index.end) if box.type == b"tfra"
    ]
    offset = max(offsets, default=0)
    # Only some fragments are random access points, so a distant one is not the last.
    if not 0 < index.start - offset <= _MAX_WALKED * length:
        return None
    moof = next(boxes(reader, offset, reader.size), None)
    return moof if moof is not None and moof.type == b"moof" and not moof.cut else None


def _last_access(reader: Reader, tfra: Box) -> int:
    """Return the `moof` offset in the last entry of a `tfra` (14496-12, 8.8.10)."""
    head = reader.read(tfra.body, 16)
    wide = head[:1] == b"\x01"
    lengths, count = u32(head, 8), u32(head, 12)
    row = (16 if wide else 8) + sum((lengths >> shift & 3) + 1 for shift in (0, 2, 4))
    if count == 0 or tfra.body + 16 + count * row > tfra.end:
        return 0
    entry = reader.read(tfra.body + 16 + (count - 1) * row, 16)
    return u64(entry, 8) if wide else u32(entry, 4)


@dataclass(frozen=True, slots=True)
class Index:
    duration: Fraction
    covered: int


def read_index(reader: Reader, sidx: Box) -> Index | None:
    """Return the duration that a `sidx` covers and the offset where its last segment ends (14496-12, 8.16.3)."""
    head = reader.read(sidx.body, 32)
    wide = head[:1] != b"\x00"
    timescale, offset = u32(head, 8), u64(head, 20) if wide else u32(head, 16)
    at = 28 if wide else 20
    count = u16(head, at + 2)
    rows = sidx.body + at + 4
    if timescale == 0 or not 0 < count <= _MAX_SIDX_ENTRIES or rows + count * 12 > sidx.end:
        return None
    reader.spending.count_work(count // ROWS_A_UNIT)
    length = ticks = 0
    for size, duration, _ in struct.iter_unpack(">III", reader.read(rows, count * 12)):
        length += size & 0x7FFFFFFF
        ticks += duration
    return Index(Fraction(ticks, timescale), sidx.end + offset + length)


def covers_file(reader: Reader, index: Index) -> bool:
    """Return whether no fragment follows the indexed ones."""
    following = next(boxes(reader, index.covered, reader.size), None)
    return index.covered <= reader.size and (following is None or following.type not in _FRAGMENT_STARTS)
