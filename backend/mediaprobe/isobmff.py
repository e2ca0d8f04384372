"""Reads MP4 and QuickTime files: `moov` wherever it lies, its tracks, and whether the media is there (14496-12)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import Literal

from mediaprobe.boxes import Box, body, boxes, find, u32, u64
from mediaprobe.errors import NoVideoTrack, Truncated, Unreadable
from mediaprobe.findings import Findings, ratio, uneven, usual_length
from mediaprobe.fragments import (
    Index,
    Timeline,
    TrackRun,
    add_all,
    add_fragment,
    add_last,
    covers_the_file,
    few_are_left,
    read_index,
)
from mediaprobe.reader import KIB, MIB, MemoryReader, Reader
from mediaprobe.tracks import IDENTITY, Matrix, Track, matrix, read_track

_MAX_TRACKS = 256
# Picture tracks read in full: each may hold a sequence header that takes milliseconds.
_MAX_PICTURES = 8
_MAX_COMPRESSED_MOOV = 2 * MIB
_MAX_INFLATED_MOOV = 4 * MIB
# Each track may have an index of its own. The first one's time is the film's: another this large is left unread.
_LARGE_INDEX = 48 * KIB
# Between `moov` and the first `moof` lie a few boxes at most.
_MAX_BEFORE_FRAGMENTS = 16
# Fragments that end this much before the stated end are not all there.
_COMPLETE = Fraction(9, 10)
# A header-first file costs two requests; a third is spent only on a file that looks too small.
_FREE_REQUESTS = 2
# All that a segment cut out of a stream may consist of.
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


def parse(reader: Reader, findings: Findings) -> None:
    moov, media_seen = _find_movie(reader)
    findings.truncated = moov.cut
    movie = _Movie()
    _read_movie(reader, moov, movie, findings)
    if findings.picture is None:
        raise _no_picture(movie, moov)
    if movie.fragmented:
        _read_fragments(reader, moov, movie, findings)
    elif not media_seen:
        _look_behind(reader, moov, findings)


def _find_movie(reader: Reader) -> tuple[Box, bool]:
    """The `moov`, and whether media data came before it."""
    seen: set[bytes] = set()
    for box in boxes(reader, 0, reader.size):
        if box.type == b"moov":
            return box, b"mdat" in seen
        if not _is_fourcc(box.type):
            raise Unreadable(
                "The file begins like a video and goes on with something else. "
                "Export it again and upload the new file."
            )
        seen.add(box.type)
    if seen & {b"moof", b"styp"} and seen <= _SEGMENT_BOXES:
        raise Truncated("The file is one segment of a stream, without the header that a player needs first.")
    raise Truncated(
        "The file's header (moov) is missing: the recording or the copy was cut off. Upload the complete file."
    )


def _is_fourcc(code: bytes) -> bool:
    return all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in code)


def _no_picture(movie: _Movie, moov: Box) -> Truncated | NoVideoTrack:
    if moov.cut:
        return Truncated("The file's header is cut off. Upload the complete file.")
    if movie.external:
        return NoVideoTrack(
            "The file only points at other files and holds no picture itself. Upload the film."
        )
    return NoVideoTrack("The file has no picture track. Choose a video, not a sound file.")


def _read_movie(reader: Reader, moov: Box, movie: _Movie, findings: Findings) -> None:
    for box in boxes(reader, moov.body, moov.end):
        if box.type == b"mvhd":
            _read_movie_header(body(reader, box, 112), movie)
        elif box.type == b"trak" and len(movie.tracks) < _MAX_TRACKS:
            pictures = sum(track.handler == b"vide" for track in movie.tracks)
            movie.tracks.append(read_track(reader, box, movie.matrix, pictures=pictures < _MAX_PICTURES))
            _choose(movie, findings)
        elif box.type == b"mvex":
            _read_movie_extends(reader, box, movie)
        elif box.type == b"rmra":
            movie.external = True
        elif box.type == b"cmov":
            inflated = _inflate(reader, box)
            inner = Box(b"moov", 0, 8, inflated.size, cut=False)
            if inflated.read(4, 4) == b"moov" and find(inflated, inner, b"cmov") == {}:
                _read_movie(inflated, inner, movie, findings)
        if _knows_enough(movie, findings) and not reader.holds(box.end, 16):
            # What follows in an index of megabytes are more languages and tags, each one request away.
            # An `mvex` is not among them: it comes with an empty or short index.
            break
    _measure(movie, findings)


def _knows_enough(movie: _Movie, findings: Findings) -> bool:
    kinds = {track.handler for track in movie.tracks if track.samples}
    return findings.picture is not None and {b"vide", b"soun"} <= kinds


def _read_movie_header(data: bytes, movie: _Movie) -> None:
    """`mvhd`, 8.2.2; a duration of all ones is unknown."""
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
    """A compressed movie (QTFF, "Compressed Movie Resources"): zlib, both sizes bounded."""
    found = find(reader, cmov, b"dcom", b"cmvd")
    if len(found) < 2 or body(reader, found[b"dcom"], 4) != b"zlib":
        return MemoryReader(b"")
    data = body(reader, found[b"cmvd"], _MAX_COMPRESSED_MOOV)
    try:
        return MemoryReader(zlib.decompressobj().decompress(data[4:], _MAX_INFLATED_MOOV))
    except zlib.error:
        raise Unreadable("The file's compressed header is damaged. Export the video again.") from None


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
    """The first enabled moving picture and the first enabled sound; a cover picture only if nothing moves."""
    pictures = [track for track in movie.tracks if track.picture is not None]
    sounds = [track for track in movie.tracks if track.sound is not None]
    pictures.sort(key=lambda track: (track.still, not track.enabled))
    sounds.sort(key=lambda track: not track.enabled)
    if pictures:
        findings.picture = pictures[0].picture
    if sounds:
        findings.sound = sounds[0].sound


def _measure(movie: _Movie, findings: Findings) -> None:
    durations = [ratio(t.duration, t.timescale) or Fraction(0) for t in movie.tracks]
    duration = ratio(movie.duration, movie.timescale) or max(durations, default=Fraction(0))
    findings.duration = duration or None
    findings.duration_source = "header"
    findings.fragmented = movie.fragmented


def _read_fragments(reader: Reader, moov: Box, movie: _Movie, findings: Findings) -> None:
    """The duration and frame rate of a fragmented file; `mvhd` and `stts` know only what is in `moov`."""
    timeline = Timeline()
    for track in movie.tracks:
        if track.samples:
            timeline.runs[track.id] = TrackRun(0, track.ticks, track.ticks, track.samples, track.lengths)
    first, found, last = _first_fragment(reader, moov.end)
    if first is None:
        # A header with nothing behind it, or one that only says that fragments might come.
        findings.truncated = findings.truncated or last is None or last.cut
        findings.fragmented = not any(track.samples for track in movie.tracks)
        return
    defaults = movie.sample_durations
    add_fragment(reader, first, defaults, timeline)
    stated, source = _stated_duration(reader, movie, found)
    promised = ratio(movie.fragment_duration, movie.timescale)
    if promised is None and not any(track.samples for track in movie.tracks):
        promised = ratio(movie.duration, movie.timescale)
    if few_are_left(reader, first, timeline) and add_all(reader, first, defaults, timeline):
        _take_timeline(movie, findings, timeline)
        measured, longest = findings.duration or 0, max(stated or 0, promised or 0)
        # As in every other layout, missing data is only flagged.
        findings.truncated = findings.truncated or measured < longest * _COMPLETE
        if stated is not None and stated >= measured:
            findings.duration, findings.duration_source = stated, source
    elif stated is not None:
        findings.duration, findings.duration_source = stated, source
    elif promised is not None:
        findings.duration, findings.duration_source = promised, "header"
    elif add_last(reader, first, defaults, timeline):
        _take_timeline(movie, findings, timeline)
    findings.truncated = findings.truncated or any(index.covered > reader.size for index in found)
    _fragment_frame_rate(movie, findings, timeline)


def _stated_duration(
    reader: Reader, movie: _Movie, indexes: list[Index]
) -> tuple[Fraction | None, Literal["header", "index"]]:
    """What the `mdhd` of tracks without samples say, else an index of all fragments.

    `mehd` and `mvhd` rank below the fragments themselves: packagers leave them in the header of each cut-out.
    """
    empty = [track for track in movie.tracks if not track.samples]
    stated = max(
        (ratio(track.duration, track.timescale) or Fraction(0) for track in empty), default=Fraction(0)
    )
    if stated:
        return stated, "header"
    whole = [i.duration for i in indexes if i.covered > reader.size or covers_the_file(reader, i)]
    return max(whole, default=None), "index"


def _take_timeline(movie: _Movie, findings: Findings, timeline: Timeline) -> None:
    """To the end of the pictures and the sound; subtitles prolong it by a second at most, as in FFmpeg."""
    scales = {t.id: (t.timescale, _delay(movie, t)) for t in movie.tracks}
    end = timeline.end({t.id: scales[t.id] for t in movie.tracks if t.handler in (b"vide", b"soun")})
    last = timeline.end(scales)
    if end is not None and last is not None and last - end < 1:
        end = last
    findings.truncated = findings.truncated or timeline.cut
    findings.duration, findings.duration_source = end, "fragments"


def _delay(movie: _Movie, track: Track) -> Fraction:
    return ratio(track.empty_edit, movie.timescale) or Fraction(0)


def _first_fragment(reader: Reader, start: int) -> tuple[Box | None, list[Index], Box | None]:
    """The first `moof` after the header, the indexes before it, and the last box looked at."""
    indexes: list[Index] = []
    last: Box | None = None
    for last in islice(boxes(reader, start, reader.size), _MAX_BEFORE_FRAGMENTS):
        if last.type == b"moof" and not last.cut:
            return last, indexes, last
        if last.type == b"sidx" and not (indexes and last.end - last.body > _LARGE_INDEX):
            # At once: going back to it after the next box would cost a request.
            index = read_index(reader, last)
            indexes += [index] if index is not None else []
    return None, indexes, last


def _fragment_frame_rate(movie: _Movie, findings: Findings, timeline: Timeline) -> None:
    for track in movie.tracks:
        run = timeline.runs.get(track.id)
        if track.picture is findings.picture and findings.picture is not None and run is not None:
            findings.picture.vfr = uneven(run.lengths)
            rate = ratio(run.samples * track.timescale, run.ticks)
            if rate is not None and timeline.gap and not findings.picture.vfr:
                # One long frame at a fragment's end would weigh too much where only two fragments were seen.
                usual = usual_length(run.lengths)
                rate = track.timescale / usual if usual else rate
            findings.picture.frame_rate = rate or findings.picture.frame_rate


def _look_behind(reader: Reader, moov: Box, findings: Findings) -> None:
    """With the header first, see that the media behind it is there, where looking is free or called for."""
    if (
        not reader.holds(moov.end, 16)
        and reader.requests >= _FREE_REQUESTS
        and not _looks_short(reader, findings)
    ):
        return
    media = False
    for box in islice(boxes(reader, moov.end, reader.size), _MAX_BEFORE_FRAGMENTS):
        if box.type == b"mdat":
            media = True
            findings.truncated = findings.truncated or box.cut
        if media or not reader.holds(box.end, 16):
            break
    else:
        findings.truncated = findings.truncated or not media


def _looks_short(reader: Reader, findings: Findings) -> bool:
    """Whether the file is clearly smaller than its stated bit rates and duration make it."""
    picture, sound = findings.picture, findings.sound
    if picture is None or picture.stated_bit_rate == 0 or findings.duration is None:
        return False
    stated = picture.stated_bit_rate + (sound.stated_bit_rate if sound else 0)
    return reader.size * 8 < findings.duration * stated * Fraction(9, 10)
