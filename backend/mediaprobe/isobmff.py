"""Reads MP4 and QuickTime files (ISO/IEC 14496-12)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import Literal

from mediaprobe import movie_box
from mediaprobe.boxes import Box, body, boxes, find, u32, u64
from mediaprobe.completeness import check_media
from mediaprobe.errors import NoVideoTrack, Truncated
from mediaprobe.findings import Findings, is_variable, ratio, typical_duration
from mediaprobe.fragments import (
    Index,
    Timeline,
    TrackRun,
    Tracks,
    add_fragment,
    add_from,
    add_last,
    add_some,
    covers_file,
    read_index,
    seems_cut,
    should_read_all,
)
from mediaprobe.reader import KIB, MIB, MemoryReader, Reader
from mediaprobe.tracks import IDENTITY, Matrix, Track, matrix, read_track

_MAX_TRACKS = 256
# Video tracks read in full: each may hold a sequence header that takes milliseconds.
_MAX_VIDEOS = 8
_MAX_COMPRESSED_MOOV = 2 * MIB
_MAX_INFLATED_MOOV = 4 * MIB
_INFLATED_BYTES_A_UNIT = 1 * KIB
# Each track may have an index of its own. The first one gives the duration, so a second one of this size is not read.
_LARGE_INDEX = 48 * KIB
# At most a few boxes are between `moov` and the first `moof`.
_MAX_BEFORE_FRAGMENTS = 16
# Fragments that end before this share of the stated duration are incomplete.
_COMPLETE = Fraction(9, 10)
# The boxes of a movie header that contain no track
_MOVIE_BOXES = frozenset(
    b"mvhd trak cmov mvex rmra iods udta meta free skip wide uuid ctab clip prfl pssh ainf mdra".split()
)
# The boxes of a lone segment of a stream.
_SEGMENT_BOXES = frozenset({b"moof", b"mdat", b"styp", b"sidx", b"free", b"emsg", b"prft"})


@dataclass(slots=True)
class _Movie:
    timescale: int = 0
    duration: int = 0
    matrix: Matrix = IDENTITY
    tracks: list[Track] = field(default_factory=list)
    fragmented: bool = False
    fragment_duration: int = 0
    sample_durations: dict[int, int] = field(default_factory=dict)
    external: bool = False
    # Whether a compressed header was read. A file has at most one, and none is inside another.
    inflated: bool = False
    # Whether a video and an audio track with samples were found
    complete: bool = False
    # Whether every box was read and none of them can hide a picture track
    understood: bool = True
    # Where the media data begins, if the size of `moov` includes it
    overrun: int | None = None


def parse(reader: Reader, findings: Findings) -> None:
    """Raise NoVideoTrack if every track is surely no picture, and Truncated if there is surely no header."""
    seen = movie_box.walk(reader)
    movie, moov = _Movie(), seen.moov
    if moov is not None:
        _read_movie(reader, moov, movie, findings)
        larger = None if findings.video is not None else movie_box.with_following_tracks(reader, moov)
        if larger is not None:
            movie, moov = _Movie(), larger
            _read_movie(reader, moov, movie, findings)
            movie.understood = False
    if findings.video is None and not (movie.tracks and movie.understood):
        # FFmpeg reads only the first `moov`, but a damaged one may have been written again.
        other, absent = movie_box.search(reader, seen)
        if other is not None:
            movie, moov = _Movie(), other
            _read_movie(reader, moov, movie, findings)
        elif moov is None:
            if absent:
                raise _no_header(seen)
            return
    if moov is None:
        return
    findings.truncated = moov.cut and movie.overrun is None
    if findings.video is None:
        if movie.understood and not (moov.cut and movie.tracks):
            raise _no_video(movie, moov)
        return
    if movie.overrun is not None:
        moov = Box(moov.type, moov.start, moov.body, movie.overrun, movie.overrun)
    if movie.fragmented:
        _read_fragments(reader, moov, movie, findings)
    else:
        tables = [] if movie.inflated else [track.tables for track in movie.tracks if track.tables]
        walked = seen.moov is not None and moov.start == seen.moov.start
        check_media(reader, moov, seen.media, tables, findings, walked=walked or moov is seen.hidden)


def _no_header(seen: movie_box.Walk) -> Truncated:
    if seen.types & {b"moof", b"styp"} and seen.types <= _SEGMENT_BOXES:
        return Truncated(
            "This is one piece of a streamed video and can't play alone. Upload the whole video."
        )
    return Truncated()


def _no_video(movie: _Movie, moov: Box) -> Truncated | NoVideoTrack:
    if moov.cut:
        return Truncated()
    if movie.external:
        return NoVideoTrack(
            "This file only points to other files. Export it as one self-contained file and upload that."
        )
    return NoVideoTrack()


def _read_movie(reader: Reader, moov: Box, movie: _Movie, findings: Findings) -> None:
    try:
        _read_movie_boxes(reader, moov, movie, findings)
    finally:
        # The budget may have ended within a track, and what was read of it counts.
        _choose(movie, findings)
        _measure(movie, findings)


def _read_movie_boxes(reader: Reader, moov: Box, movie: _Movie, findings: Findings) -> None:
    end = moov.body
    for box in boxes(reader, moov.body, moov.end):
        if box.type in (b"mdat", b"moof"):
            movie.overrun = box.start
            movie.understood = False
            break
        end = box.end
        if box.type not in _MOVIE_BOXES:
            movie.understood = False
        if box.type == b"mvhd":
            _read_movie_header(body(reader, box, 112), movie)
        elif box.type == b"trak" and len(movie.tracks) < _MAX_TRACKS:
            videos = sum(track.video is not None for track in movie.tracks)
            track = Track()
            movie.tracks.append(track)
            read_track(reader, box, movie.matrix, track, videos=videos < _MAX_VIDEOS)
            movie.understood = movie.understood and track.has_no_picture
            _choose(movie, findings)
        elif box.type == b"trak":
            movie.understood = False
        elif box.type == b"mvex":
            _read_movie_extends(reader, box, movie)
        elif box.type == b"rmra":
            movie.external = True
        elif box.type == b"cmov" and not movie.inflated:
            movie.inflated = True
            inflated = _inflate(reader, box)
            if inflated.read(4, 4) == b"moov":
                inner = Box(b"moov", 0, 8, inflated.size, inflated.size)
                _read_movie_boxes(inflated, inner, movie, findings)
            movie.understood = movie.understood and 0 < inflated.size < _MAX_INFLATED_MOOV
        elif box.type == b"cmov":
            movie.understood = False
        if movie.complete and not reader.has_cached(box.end, 16):
            # In an index of megabytes only more languages and tags follow, and each would cost a request. An `mvex`
            # never follows, because it comes with an empty or short index.
            break
    movie.understood = movie.understood and moov.end - end < 8


def _read_movie_header(data: bytes, movie: _Movie) -> None:
    """Read `mvhd` (8.2.2). A duration of all ones is unknown."""
    if data[:1] == b"\x01":
        movie.timescale, movie.duration, rest = u32(data, 20), u64(data, 24), 32
        unknown = (1 << 64) - 1
    else:
        movie.timescale, movie.duration, rest = u32(data, 12), u32(data, 16), 20
        unknown = (1 << 32) - 1
    if movie.duration == unknown:
        movie.duration = 0
    movie.matrix = matrix(data, rest + 16)


def _inflate(reader: Reader, cmov: Box) -> MemoryReader:
    """Return a decompressed movie header (QTFF, "Compressed Movie Resources"), or nothing if it is damaged.

    Both sizes are limited.
    """
    found = find(reader, cmov, b"dcom", b"cmvd")
    if len(found) < 2 or body(reader, found[b"dcom"], 4) != b"zlib":
        return MemoryReader(b"", reader.spending)
    data = body(reader, found[b"cmvd"], _MAX_COMPRESSED_MOOV)
    try:
        inflated = zlib.decompressobj().decompress(data[4:], _MAX_INFLATED_MOOV)
        reader.spending.count_work((len(data) + len(inflated)) // _INFLATED_BYTES_A_UNIT)
        return MemoryReader(inflated, reader.spending)
    except zlib.error:
        return MemoryReader(b"", reader.spending)


def _read_movie_extends(reader: Reader, mvex: Box, movie: _Movie) -> None:
    movie.fragmented = True
    for box in boxes(reader, mvex.body, mvex.end):
        if box.type == b"mehd":
            data = body(reader, box, 12)
            movie.fragment_duration = u64(data, 4) if data[:1] == b"\x01" else u32(data, 4)
        elif box.type == b"trex":
            data = body(reader, box, 24)
            movie.sample_durations[u32(data, 4)] = u32(data, 12)


def _choose(movie: _Movie, findings: Findings) -> None:
    """Choose the first enabled video and audio track. A cover image counts only if there is no other video track."""
    videos = [track for track in movie.tracks if track.video is not None]
    audios = [track for track in movie.tracks if track.audio is not None]
    videos.sort(key=lambda track: (not track.has_size, track.still, not track.enabled))
    audios.sort(key=lambda track: not track.enabled)
    if videos:
        findings.video = videos[0].video
    if audios:
        findings.audio = audios[0].audio
    timed = [track for track in movie.tracks if track.samples]
    movie.complete = any(t.video for t in timed) and any(t.audio for t in timed)


def _measure(movie: _Movie, findings: Findings) -> None:
    durations = [ratio(t.duration, t.timescale) or Fraction(0) for t in movie.tracks]
    duration = ratio(movie.duration, movie.timescale) or max(durations, default=Fraction(0))
    findings.duration = duration or None
    findings.duration_source = "header"
    findings.fragmented = movie.fragmented


def _read_fragments(reader: Reader, moov: Box, movie: _Movie, findings: Findings) -> None:
    """Read duration and frame rate of a fragmented file. `mvhd` and `stts` only describe the samples in `moov`."""
    timeline = Timeline()
    for track in movie.tracks:
        if track.samples:
            timeline.runs[track.id] = TrackRun(0, track.ticks, track.ticks, track.samples, track.durations)
    first, found, last = _first_fragment(reader, moov.end)
    if first is None:
        # The file has no fragments. Either they are missing, or the header only allows for them.
        findings.truncated = findings.truncated or last is None or last.cut
        findings.fragmented = not any(track.samples for track in movie.tracks)
        if findings.fragmented and findings.duration:
            findings.available = Fraction(0)
        return
    defaults = movie.sample_durations
    add_fragment(reader, first, defaults, timeline)
    tracks = _timed_tracks(movie)
    stated, source = _stated_duration(reader, movie, found)
    header = ratio(movie.fragment_duration, movie.timescale)
    if header is None and not any(track.samples for track in movie.tracks):
        header = ratio(movie.duration, movie.timescale)
    longest = max(stated or Fraction(0), header or Fraction(0))
    if should_read_all(reader, first, timeline) and add_from(reader, first, defaults, timeline):
        _use_timeline(movie, findings, timeline)
        _compare(findings, timeline, tracks, longest)
        # Missing data sets the flag, and the stated duration stays, as in every other layout.
        if stated is not None and stated >= (findings.duration or 0):
            findings.duration, findings.duration_source = stated, source
    elif longest:
        findings.duration = stated or header
        findings.duration_source = source if stated is not None else "header"
        time = (timeline.end(tracks) or Fraction(0)) - timeline.start(tracks)
        suspicious = findings.duration_source == "header" and seems_cut(reader, first, time, longest)
        if suspicious and add_last(reader, first, defaults, timeline):
            _compare(findings, timeline, tracks, longest)
    elif add_last(reader, first, defaults, timeline):
        _use_timeline(movie, findings, timeline)
    else:
        share = add_some(reader, first, defaults, timeline)
        start, end = timeline.start(tracks), timeline.end(tracks)
        if end is not None and share:
            findings.duration, findings.duration_source = start + (end - start) / share, "estimate"
    covered = max((index.covered for index in found), default=0)
    if covered > reader.size:
        findings.truncated = True
        findings.available = Fraction(reader.size - first.start, covered - first.start)
    _fragment_frame_rate(movie, findings, timeline)


def _compare(findings: Findings, timeline: Timeline, tracks: Tracks, stated: Fraction) -> None:
    """Set `truncated` and `available` from the end of the fragments and the stated duration."""
    measured = timeline.end(tracks) or 0
    findings.truncated = findings.truncated or timeline.cut or measured < stated * _COMPLETE
    if stated:
        findings.available = timeline.covered(tracks) / stated


def _stated_duration(
    reader: Reader, movie: _Movie, indexes: list[Index]
) -> tuple[Fraction | None, Literal["header", "index"]]:
    """Return the longest `mdhd` of a track without samples, else the duration of an index of all fragments.

    `mehd` and `mvhd` rank below the fragments, because packagers keep the film's values in the header of each clip.
    """
    empty = [track for track in movie.tracks if not track.samples]
    stated = max(
        (ratio(track.duration, track.timescale) or Fraction(0) for track in empty), default=Fraction(0)
    )
    if stated:
        return stated, "header"
    whole = [i.duration for i in indexes if i.covered > reader.size or covers_file(reader, i)]
    return max(whole, default=None), "index"


def _use_timeline(movie: _Movie, findings: Findings, timeline: Timeline) -> None:
    """Use the end of video and audio as duration. Subtitles extend it by less than a second, as in FFmpeg."""
    scales = {t.id: (t.timescale, _delay(movie, t)) for t in movie.tracks}
    end = timeline.end(_timed_tracks(movie))
    last = timeline.end(scales)
    if end is not None and last is not None and last - end < 1:
        end = last
    findings.truncated = findings.truncated or timeline.cut
    findings.duration, findings.duration_source = end, "fragments"


def _timed_tracks(movie: _Movie) -> Tracks:
    return {t.id: (t.timescale, _delay(movie, t)) for t in movie.tracks if t.video or t.audio}


def _delay(movie: _Movie, track: Track) -> Fraction:
    return ratio(track.empty_edit, movie.timescale) or Fraction(0)


def _first_fragment(reader: Reader, start: int) -> tuple[Box | None, list[Index], Box | None]:
    """Return the first `moof` after the header, the indexes before it, and the last box that was read."""
    indexes: list[Index] = []
    last: Box | None = None
    for last in islice(boxes(reader, start, reader.size), _MAX_BEFORE_FRAGMENTS):
        if last.type == b"moof" and not last.cut:
            return last, indexes, last
        if last.type == b"sidx" and not (indexes and last.end - last.body > _LARGE_INDEX):
            # Read it now, because returning to it after the next box would cost a request.
            index = read_index(reader, last)
            indexes += [index] if index is not None else []
    return None, indexes, last


def _fragment_frame_rate(movie: _Movie, findings: Findings, timeline: Timeline) -> None:
    for track in movie.tracks:
        run = timeline.runs.get(track.id)
        if track.video is findings.video and findings.video is not None and run is not None:
            findings.video.vfr = is_variable(run.durations)
            rate = ratio(run.samples * track.timescale, run.ticks)
            if rate is not None and timeline.gap and not findings.video.vfr:
                # A long frame at a fragment's end would distort the average of only two fragments.
                usual = typical_duration(run.durations)
                rate = track.timescale / usual if usual else rate
            findings.video.frame_rate = rate or findings.video.frame_rate
