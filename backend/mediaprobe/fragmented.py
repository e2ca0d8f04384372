"""Chooses duration and frame rate of a fragmented MP4 from its header, its index and its fragments."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from typing import Literal

from mediaprobe.boxes import Box, boxes
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
    seems_wrong,
    should_read_all,
)
from mediaprobe.movie import Movie
from mediaprobe.reader import KIB, Reader

# Each track may have an index of its own. The first one gives the duration, so a second one of this size is not read.
_LARGE_INDEX = 48 * KIB
# At most a few boxes are between `moov` and the first `moof`.
_MAX_BEFORE_FRAGMENTS = 16
# Fragments that end before this share of the stated duration are incomplete.
_COMPLETE = Fraction(9, 10)


def read_fragments(reader: Reader, moov: Box, movie: Movie, findings: Findings) -> None:
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
    tracks = movie.tracks_with_media()
    before = timeline.end(tracks)
    add_fragment(reader, first, defaults, timeline)
    # The samples in `moov` come before the fragments, and their bytes are not among those of the fragments.
    begin = timeline.start(tracks) if before is None else before
    end = timeline.end(tracks) or Fraction(0)
    stated, source = _stated_duration(reader, movie, found)
    header = ratio(movie.fragment_duration, movie.timescale)
    if header is None and not any(track.samples for track in movie.tracks):
        header = ratio(movie.duration, movie.timescale)
    indexed = stated is not None and source == "index"
    if indexed:
        # The index describes this file, and the header perhaps the film that it is a clip of.
        header = None
    elif stated is not None and stated < end:
        # A packager may write a placeholder, which is shorter than the first fragment.
        stated = None
    longest = max(stated or Fraction(0), header or Fraction(0))
    believable = longest > 0 and (indexed or longest >= end)
    if should_read_all(reader, first, timeline) and add_from(reader, first, defaults, timeline):
        _use_timeline(movie, findings, timeline)
        _compare(findings, timeline, tracks, longest)
        # Missing data sets the flag, and the stated duration stays, as in every other layout.
        if stated is not None and stated >= (findings.duration or 0):
            findings.duration, findings.duration_source = stated, source
    elif believable:
        findings.duration = stated or header
        findings.duration_source = source if stated is not None else "header"
        suspicious = not indexed and seems_wrong(reader, first, end - begin, longest)
        if suspicious and add_last(reader, first, defaults, timeline):
            _compare(findings, timeline, tracks, longest)
            if (timeline.end(tracks) or 0) > longest:
                _use_timeline(movie, findings, timeline)
    elif add_last(reader, first, defaults, timeline):
        _use_timeline(movie, findings, timeline)
    else:
        share = add_some(reader, first, defaults, timeline)
        sampled = (timeline.end(tracks) or begin) - begin
        findings.duration = begin + sampled / share if share else None
        findings.duration_source = "estimate"
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
    reader: Reader, movie: Movie, indexes: list[Index]
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


def _use_timeline(movie: Movie, findings: Findings, timeline: Timeline) -> None:
    """Use the end of video and audio as duration. Subtitles extend it by less than a second, as in FFmpeg."""
    scales = {t.id: (t.timescale, movie.delay(t)) for t in movie.tracks}
    end = timeline.end(movie.tracks_with_media())
    last = timeline.end(scales)
    if end is not None and last is not None and last - end < 1:
        end = last
    findings.truncated = findings.truncated or timeline.cut
    findings.duration, findings.duration_source = end, "fragments"


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


def _fragment_frame_rate(movie: Movie, findings: Findings, timeline: Timeline) -> None:
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
