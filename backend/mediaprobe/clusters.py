"""Measures frame rate and duration from the block times of Matroska clusters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from mediaprobe.ebml import Element, element_at, elements, unsigned
from mediaprobe.findings import Findings, Video, is_variable, ratio
from mediaprobe.reader import KIB, MIB, Reader
from mediaprobe.tail import find_last

_CLUSTER = 0x1F43B675
# SeekHead, Info, Tracks, Cues, Tags, Chapters, Attachments. A Cluster of unknown size ends where one of them begins.
_OTHER_TOP_LEVEL = frozenset(
    {0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367, 0x1043A770, 0x1941A469}
)
_TIMESTAMP, _SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK, _BLOCK_DURATION = 0xE7, 0xA3, 0xA0, 0xA1, 0x9B
# CRC-32, Void, Position and PrevSize may precede a cluster's Timestamp.
_BEFORE_TIMESTAMP = frozenset({0xBF, 0xEC, 0xA7, 0xAB})

# Limits of the frames read for the frame rate, and of the requests for them if the header is complete.
_MAX_BLOCKS = 150
_HEADER_REQUESTS = 2
_MIN_BLOCKS = 4
# A variable rate of this many frames replaces a DefaultDuration, which is only nominal, if both differ by more than
# this share.
_VARIABLE_BLOCKS = 48
_MAX_DIFFERENCE = Fraction(1, 4)
# If this many frames are two DefaultDurations apart, that is the duration of a field. Fewer will do if frames may have
# fields, because the first five pictures in any usual order include two neighbours.
_PAIRED_BLOCKS, _PAIRED_FIELDS = 16, 5
# No interlaced format has more frames a second. A higher stated rate is worth some requests.
_MAX_INTERLACED_RATE = 32
_FIELD_REQUESTS = 4
# H.264 and HEVC allow 16 reordered pictures. Encoders use 4.
_MAX_REORDER = 4
# Compressed video needs fewer bits per pixel. If the header implies more, its duration is too short.
_MAX_BITS_A_PIXEL = 4
_LOSSY = frozenset({"h264", "hevc", "vp8", "vp9", "av1"})
# Clusters that end before this share of Duration are incomplete.
_COMPLETE = Fraction(49, 50)
# A longer last cluster is not wholly in memory when its start is found.
_MAX_WALK_BYTES = 3 * MIB // 2
_RESYNC = (192 * KIB, 1 * MIB)
_RESYNC_BLOCKS = 3
# Rates of cameras and encoders, to undo the rounding of block times.
_USUAL_RATES = (
    *(Fraction(n) for n in (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 100, 120, 240)),
    *(Fraction(n, 1001) for n in (24000, 30000, 60000, 120000)),
)


@dataclass(frozen=True, slots=True)
class Recording:
    """The Segment, TimestampScale in nanoseconds, number of the video track, and DefaultDuration by track.

    `fields` tells that a video frame may have two fields, and `interlaced` that the container says so.
    """

    segment: Element
    scale: int
    video: int
    default_durations: Mapping[int, Fraction]
    fields: bool = False
    interlaced: bool = False

    @property
    def end(self) -> int:
        return self.segment.end


@dataclass(slots=True)
class _Times:
    """Block times by track, in TimestampScale units."""

    first: int | None = None
    end: int = 0
    of_track: dict[int, list[int]] = field(default_factory=dict)

    def frames(self, track: int) -> list[int]:
        """Return the times in display order. Of reordered pictures omit the last ones, which may have gaps."""
        stored = self.of_track.get(track, [])
        shown = sorted(set(stored))
        return shown[:-_MAX_REORDER] if shown != stored else shown

    def add(self, track: int, time: int, duration: int) -> None:
        self.first = time if self.first is None else min(self.first, time)
        self.end = max(self.end, time + duration)
        self.of_track.setdefault(track, []).append(time)


def measure(reader: Reader, recording: Recording, cluster: Element, findings: Findings) -> None:
    """Set the frame rate from the first blocks, and a missing duration from the last ones."""
    video = findings.video
    if video is None:
        return
    head = _Times()
    # Allow a request for the frame rate, unless it is known or the tail will be read anyway.
    stated = video.frame_rate
    wanted = stated is None and findings.duration is not None
    _walk(reader, cluster, recording, head, requests=_HEADER_REQUESTS if wanted else 0)
    _set_rate(video, head, recording, stated)
    if stated is not None:
        _halve_rate_of_fields(reader, cluster, recording, head, video, stated)
    if recording.segment.cut:
        whole = recording.segment.stop - cluster.start
        findings.available = Fraction(recording.end - cluster.start, whole)
    # Only a Segment of unknown size can end early without a sign of it. That is worth a few requests after two.
    unsure = recording.segment.unknown and reader.spending.requests <= _HEADER_REQUESTS
    if findings.duration is None or unsure or _is_too_short(cluster, recording, findings, video):
        tail = _read_tail(reader, recording, cluster, head, findings)
        if tail is not None and len(tail.frames(recording.video)) > len(head.frames(recording.video)):
            _set_rate(video, tail, recording, stated)
    if video.frame_rate is None:
        _walk(reader, cluster, recording, head, requests=reader.spending.requests + 1)
        _set_rate(video, head, recording, stated)


def _is_too_short(cluster: Element, recording: Recording, findings: Findings, video: Video) -> bool:
    """Return whether the duration is too short for the size. An edited recording may keep that of its first clip."""
    if video.codec not in _LOSSY or findings.duration is None or video.frame_rate is None:
        return False
    pixels = video.width * video.height * video.frame_rate * findings.duration
    return pixels > 0 and (recording.end - cluster.start) * 8 > pixels * _MAX_BITS_A_PIXEL


def _set_rate(video: Video, times: _Times, recording: Recording, stated: Fraction | None) -> None:
    frames = times.frames(recording.video)
    if len(frames) < _MIN_BLOCKS:
        return
    video.vfr = is_variable(Counter(later - earlier for earlier, later in pairwise(frames)))
    seen = _rate(frames, recording.scale, even=not video.vfr)
    if seen is None:
        return
    far = (
        stated is not None
        and len(frames) >= _VARIABLE_BLOCKS
        and abs(seen - stated) > stated * _MAX_DIFFERENCE
    )
    if stated is None or (video.vfr and far):
        video.frame_rate = seen


def _halve_rate_of_fields(
    reader: Reader, cluster: Element, recording: Recording, times: _Times, video: Video, stated: Fraction
) -> None:
    """Halve the stated rate if it is that of fields, which the block times show."""
    stored = times.of_track.get(recording.video, [])
    doubted = recording.fields and stated > _MAX_INTERLACED_RATE
    if doubted and len(stored) < _PAIRED_FIELDS:
        _walk(reader, cluster, recording, times, requests=reader.spending.requests + _FIELD_REQUESTS)
        stored = times.of_track.get(recording.video, [])
    enough = (
        len(stored) >= _PAIRED_FIELDS if recording.fields else len(stored) >= _PAIRED_BLOCKS and not video.vfr
    )
    unseen = doubted and recording.interlaced and len(stored) < _PAIRED_FIELDS
    if unseen or (enough and _are_pairs(stored, Fraction(2_000_000_000, recording.scale) / stated)):
        video.frame_rate = stated / 2


def _are_pairs(times: list[int], pair: Fraction) -> bool:
    """Return whether the gaps between frames are multiples of this many units, and most are just that."""
    gaps = [later - earlier for earlier, later in pairwise(sorted(set(times)))]
    single = sum(abs(gap - pair) <= 1 for gap in gaps)
    # Block times are rounded to units, so a shorter pair cannot be told from others.
    return (
        pair >= 4 and 2 * single > len(gaps) and all(abs(gap - round(gap / pair) * pair) <= 1 for gap in gaps)
    )


def _rate(frames: list[int], scale: int, *, even: bool) -> Fraction | None:
    """Return the average frame rate. If frames are even, return a usual rate within the rounding, preferably whole."""
    count, span = (len(frames) - 1) * 1_000_000_000, frames[-1] - frames[0]
    measured = ratio(count, span * scale)
    if measured is None or not even or span < 2:
        return measured
    lowest, highest = Fraction(count, (span + 1) * scale), Fraction(count, (span - 1) * scale)
    usual = [rate for rate in _USUAL_RATES if lowest <= rate <= highest]
    return min(usual, key=lambda rate: (rate.denominator, abs(rate - measured)), default=measured)


def _walk(reader: Reader, cluster: Element, recording: Recording, times: _Times, *, requests: int) -> None:
    """Add the first blocks, as far as they are in memory or within this total number of requests."""
    base, offset = 0, cluster.body
    while offset < recording.end and len(times.of_track.get(recording.video, ())) < _MAX_BLOCKS:
        if reader.spending.requests >= requests and not reader.has_cached(offset, 24):
            break
        element = element_at(reader, offset, recording.end)
        if element is None or element.id in _OTHER_TOP_LEVEL:
            break
        base = _add(reader, element, base, times)
        offset = element.body if element.id == _CLUSTER else element.end


def _walk_to_end(reader: Reader, start: int, base: int, recording: Recording, times: _Times) -> bool:
    """Add all blocks from `start` on. Return whether the last element extends past the end."""
    offset, cut = start, False
    while offset < recording.end:
        element = element_at(reader, offset, recording.end)
        if element is None or element.id in _OTHER_TOP_LEVEL:
            break
        cut = element.cut and not element.unknown
        base = _add(reader, element, base, times)
        offset = element.body if element.id == _CLUSTER else element.end
    return cut


def _add(reader: Reader, element: Element, base: int, times: _Times) -> int:
    """Add the times of an element. Return the time to which the following blocks are relative."""
    if element.id == _TIMESTAMP:
        return unsigned(reader, element)
    if element.id == _SIMPLE_BLOCK:
        _add_block(reader, element.body, base, times, 0)
    elif element.id == _BLOCK_GROUP:
        block, duration = None, 0
        for child in elements(reader, element.body, element.end):
            if child.id == _BLOCK:
                block = child.body
            elif child.id == _BLOCK_DURATION:
                duration = unsigned(reader, child)
        if block is not None:
            _add_block(reader, block, base, times, duration)
    return base


def _add_block(reader: Reader, body: int, base: int, times: _Times, duration: int) -> None:
    head = _block_head(reader, body)
    if head is not None:
        times.add(head[0], base + head[1], duration)


def _block_head(reader: Reader, body: int) -> tuple[int, int] | None:
    """Return the track number and the time relative to the cluster's (RFC 9559, 10.1)."""
    head = reader.read(body, 12)
    length = 9 - head[0].bit_length() if head else 9
    if len(head) < length + 3:
        return None
    track = int.from_bytes(head[:length], "big") & ((1 << (7 * length)) - 1)
    return track, int.from_bytes(head[length : length + 2], "big", signed=True)


def _read_tail(
    reader: Reader, recording: Recording, first: Element, head: _Times, findings: Findings
) -> _Times | None:
    """Set the duration to the end of the last block minus the time of the first, and return the tail's times."""
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
    if recording.end - start > _MAX_WALK_BYTES:
        start = _resync(reader, start, recording) or start
    tail = _Times()
    cut = _walk_to_end(reader, start, base, recording, tail)
    findings.truncated = findings.truncated or cut
    if tail.first is None:
        return None
    stop = tail.end
    for track, seen in tail.of_track.items():
        stop = max(stop, max(seen) + round(_block_duration(track, (tail, head), recording)))
    duration = ratio((stop - head.first) * recording.scale, 1_000_000_000)
    if duration is None:
        return tail
    if findings.duration is not None and duration < findings.duration * _COMPLETE:
        findings.truncated = True
    if findings.duration is None or duration > findings.duration:
        findings.duration, findings.duration_source = duration, "tail"
    elif recording.segment.unknown:
        findings.available = duration / findings.duration
    return tail


def _block_duration(track: int, known: tuple[_Times, ...], recording: Recording) -> Fraction:
    """Return the duration of a track's last block, its DefaultDuration or else that of the previous block."""
    if recording.default_durations.get(track):
        return recording.default_durations[track]
    for times in known:
        shown = sorted(set(times.of_track.get(track, ())))
        if len(shown) > 1:
            return Fraction(shown[-1] - shown[-2])
    return Fraction(0)


def _cluster_at(reader: Reader, start: int, end: int) -> tuple[Element, int] | None:
    """Return the Cluster at this offset and its Timestamp, or None if there is none."""
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
    """Return the offset near the end of a long cluster where several blocks of known tracks follow each other."""
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
            if head is None or head[0] not in recording.default_durations:
                return False
        seen += 1
        start = element.end
    return seen == _RESYNC_BLOCKS
