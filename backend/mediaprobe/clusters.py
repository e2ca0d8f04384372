"""Reads block times of Matroska clusters: frame rate and evenness, and how long a recording without Duration is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from mediaprobe.ebml import Element, element_at, elements, unsigned
from mediaprobe.findings import Findings, Picture, ratio, uneven
from mediaprobe.reader import KIB, MIB, Reader
from mediaprobe.tail import find_last

_CLUSTER = 0x1F43B675
# SeekHead, Info, Tracks, Cues, Tags, Chapters, Attachments: a Cluster of unknown size ends where one begins.
_OTHER_TOP_LEVEL = frozenset(
    {0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367, 0x1043A770, 0x1941A469}
)
_TIMESTAMP, _SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK, _BLOCK_DURATION = 0xE7, 0xA3, 0xA0, 0xA1, 0x9B
# CRC-32, Void, Position, PrevSize: all that may stand before a cluster's Timestamp.
_BEFORE_TIMESTAMP = frozenset({0xBF, 0xEC, 0xA7, 0xAB})

# Frames looked at for the frame rate, and requests a file with a complete header may cost for that.
_MAX_BLOCKS = 150
_HEADER_REQUESTS = 2
_MIN_BLOCKS = 4
# So many uneven frames outweigh a DefaultDuration, which only says how they were meant, if they are far from it.
_ENOUGH_BLOCKS = 48
_FAR = Fraction(1, 4)
# H.264 and HEVC hold back up to 16 pictures; encoders use 4.
_MAX_REORDER = 4
# A compressed picture does not need more bits a pixel; a header that implies more states too short a time.
_MAX_BITS_A_PIXEL = 4
_LOSSY = frozenset({"h264", "hevc", "vp8", "vp9", "av1"})
# A longer last cluster is no longer in memory as a whole when its start has been found.
_WALKED = 3 * MIB // 2
_RESYNC = (192 * KIB, 1 * MIB)
_RESYNC_BLOCKS = 3
# Rates that cameras and encoders use, to undo the rounding of block times.
_USUAL_RATES = (
    *(Fraction(n) for n in (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 100, 120, 240)),
    *(Fraction(n, 1001) for n in (24000, 30000, 60000, 120000)),
)


@dataclass(frozen=True, slots=True)
class Recording:
    """What the header says: the Segment's end, nanoseconds a unit, the picture track, each track's DefaultDuration."""

    end: int
    scale: int
    video: int
    lengths: Mapping[int, Fraction]


@dataclass(slots=True)
class _Times:
    """Block times of each track, in TimestampScale units."""

    first: int | None = None
    end: int = 0
    of_track: dict[int, list[int]] = field(default_factory=dict)

    def frames(self, track: int) -> list[int]:
        """In the order shown, without the last ones of reordered pictures: some between them are still to come."""
        stored = self.of_track.get(track, [])
        shown = sorted(set(stored))
        return shown[:-_MAX_REORDER] if shown != stored else shown

    def note(self, track: int, time: int, duration: int) -> None:
        self.first = time if self.first is None else min(self.first, time)
        self.end = max(self.end, time + duration)
        self.of_track.setdefault(track, []).append(time)


def measure(reader: Reader, recording: Recording, cluster: Element, findings: Findings) -> None:
    """Complete the frame rate from the first blocks, and the duration from the last where the header has none."""
    picture = findings.picture
    if picture is None:
        return
    head = _Times()
    # One more request for the frame rate, unless it is known or the tail will tell.
    wanted = picture.frame_rate is None and findings.duration is not None
    _walk(reader, cluster, recording, head, requests=_HEADER_REQUESTS if wanted else 0)
    stated = picture.frame_rate
    _set_rate(picture, head, recording, stated)
    if findings.duration is None or _implausible(cluster, recording, findings, picture):
        tail = _read_tail(reader, recording, cluster, head, findings)
        if tail is not None and len(tail.frames(recording.video)) > len(head.frames(recording.video)):
            _set_rate(picture, tail, recording, stated)
    if picture.frame_rate is None:
        _walk(reader, cluster, recording, head, requests=reader.requests + 1)
        _set_rate(picture, head, recording, stated)


def _implausible(cluster: Element, recording: Recording, findings: Findings, picture: Picture) -> bool:
    """A recording that was looped or cut together may keep the first piece's duration in its header."""
    if picture.codec not in _LOSSY or findings.duration is None or picture.frame_rate is None:
        return False
    pixels = picture.width * picture.height * picture.frame_rate * findings.duration
    return pixels > 0 and (recording.end - cluster.start) * 8 > pixels * _MAX_BITS_A_PIXEL


def _set_rate(picture: Picture, times: _Times, recording: Recording, stated: Fraction | None) -> None:
    frames = times.frames(recording.video)
    if len(frames) < _MIN_BLOCKS:
        return
    picture.vfr = uneven(Counter(later - earlier for earlier, later in pairwise(frames)))
    seen = _rate(frames, recording.scale, even=not picture.vfr)
    if seen is None:
        return
    far = stated is not None and len(frames) >= _ENOUGH_BLOCKS and abs(seen - stated) > stated * _FAR
    if stated is None or (picture.vfr and far):
        picture.frame_rate = seen


def _rate(frames: list[int], scale: int, *, even: bool) -> Fraction | None:
    """Frames by their time; of even ones the usual rate that the rounding of the times allows, whole ones first."""
    count, span = (len(frames) - 1) * 1_000_000_000, frames[-1] - frames[0]
    measured = ratio(count, span * scale)
    if measured is None or not even or span < 2:
        return measured
    lowest, highest = Fraction(count, (span + 1) * scale), Fraction(count, (span - 1) * scale)
    usual = [rate for rate in _USUAL_RATES if lowest <= rate <= highest]
    return min(usual, key=lambda rate: (rate.denominator, abs(rate - measured)), default=measured)


def _walk(reader: Reader, cluster: Element, recording: Recording, times: _Times, *, requests: int) -> None:
    """Note the first blocks: what is in memory, and what this many requests in all may bring."""
    base, offset = 0, cluster.body
    while offset < recording.end and len(times.of_track.get(recording.video, ())) < _MAX_BLOCKS:
        if reader.requests >= requests and not reader.holds(offset, 24):
            break
        element = element_at(reader, offset, recording.end)
        if element is None or element.id in _OTHER_TOP_LEVEL:
            break
        base = _note(reader, element, base, times)
        offset = element.body if element.id == _CLUSTER else element.end


def _walk_to_the_end(reader: Reader, start: int, base: int, recording: Recording, times: _Times) -> bool:
    """Note all blocks from here on; True when the last element runs past the end."""
    offset, cut = start, False
    while offset < recording.end:
        element = element_at(reader, offset, recording.end)
        if element is None or element.id in _OTHER_TOP_LEVEL:
            break
        cut = element.cut and not element.unknown
        base = _note(reader, element, base, times)
        offset = element.body if element.id == _CLUSTER else element.end
    return cut


def _note(reader: Reader, element: Element, base: int, times: _Times) -> int:
    """Note what an element says about time; gives the time that the following blocks are relative to."""
    if element.id == _TIMESTAMP:
        return unsigned(reader, element)
    if element.id == _SIMPLE_BLOCK:
        _note_block(reader, element.body, base, times, 0)
    elif element.id == _BLOCK_GROUP:
        block, duration = None, 0
        for child in elements(reader, element.body, element.end):
            if child.id == _BLOCK:
                block = child.body
            elif child.id == _BLOCK_DURATION:
                duration = unsigned(reader, child)
        if block is not None:
            _note_block(reader, block, base, times, duration)
    return base


def _note_block(reader: Reader, body: int, base: int, times: _Times, duration: int) -> None:
    head = _block_head(reader, body)
    if head is not None:
        times.note(head[0], base + head[1], duration)


def _block_head(reader: Reader, body: int) -> tuple[int, int] | None:
    """Track number (a vint) and a signed 16-bit time relative to the cluster's (RFC 9559, 10.1)."""
    head = reader.read(body, 12)
    length = 9 - head[0].bit_length() if head else 9
    if len(head) < length + 3:
        return None
    track = int.from_bytes(head[:length], "big") & ((1 << (7 * length)) - 1)
    return track, int.from_bytes(head[length : length + 2], "big", signed=True)


def _read_tail(
    reader: Reader, recording: Recording, first: Element, head: _Times, findings: Findings
) -> _Times | None:
    """The duration of a recording without one: the last block's time and length less the first block's time."""
    typical = None if first.unknown else first.end - first.start
    last = find_last(
        reader,
        (first.start, recording.end),
        _CLUSTER.to_bytes(4, "big"),
        lambda at: _cluster_at(reader, at, recording.end),
        typical,
    )
    if last is None or head.first is None:
        return None
    cluster, base = last
    start = cluster.body
    if recording.end - start > _WALKED:
        start = _resync(reader, start, recording) or start
    tail = _Times()
    cut = _walk_to_the_end(reader, start, base, recording, tail)
    findings.truncated = findings.truncated or cut
    if tail.first is None:
        return None
    stop = tail.end
    for track, seen in tail.of_track.items():
        stop = max(stop, max(seen) + round(_block_length(track, (tail, head), recording)))
    duration = ratio((stop - head.first) * recording.scale, 1_000_000_000)
    if duration is not None and (findings.duration is None or duration > findings.duration):
        findings.duration, findings.duration_source = duration, "tail"
    return tail


def _block_length(track: int, known: tuple[_Times, ...], recording: Recording) -> Fraction:
    """How long a track's last block lasts: its DefaultDuration, else as long as the one before."""
    if recording.lengths.get(track):
        return recording.lengths[track]
    for times in known:
        shown = sorted(set(times.of_track.get(track, ())))
        if len(shown) > 1:
            return Fraction(shown[-1] - shown[-2])
    return Fraction(0)


def _cluster_at(reader: Reader, start: int, end: int) -> tuple[Element, int] | None:
    """A Cluster and its Timestamp, if it begins as one does."""
    cluster = element_at(reader, start, end)
    if cluster is None or cluster.id != _CLUSTER:
        return None
    offset = cluster.body
    for _ in range(4):
        child = element_at(reader, offset, cluster.end)
        if child is None or child.cut:
            return None
        if child.id == _TIMESTAMP:
            return (cluster, unsigned(reader, child)) if child.end - child.body <= 8 else None
        if child.id not in _BEFORE_TIMESTAMP:
            return None
        offset = child.end
    return None


def _resync(reader: Reader, start: int, recording: Recording) -> int | None:
    """Where blocks begin in the last part of a long cluster: several in a row, of known tracks, up to the end."""
    for length in _RESYNC:
        begin = max(start, recording.end - length)
        data = reader.read(begin, recording.end - begin)
        at = data.find(_SIMPLE_BLOCK)
        while at >= 0:
            if _blocks_follow(reader, begin + at, recording):
                return begin + at
            at = data.find(_SIMPLE_BLOCK, at + 1)
    return None


def _blocks_follow(reader: Reader, start: int, recording: Recording) -> bool:
    seen = 0
    while start < recording.end and seen < _RESYNC_BLOCKS:
        element = element_at(reader, start, recording.end)
        if element is None or element.unknown or element.id not in (_SIMPLE_BLOCK, _BLOCK_GROUP):
            return False
        if element.id == _SIMPLE_BLOCK:
            head = _block_head(reader, element.body)
            if head is None or head[0] not in recording.lengths:
                return False
        seen += 1
        start = element.end
    return seen == _RESYNC_BLOCKS
