"""Reads the header of MP4 and QuickTime files (ISO/IEC 14496-12)."""

from __future__ import annotations

import zlib
from fractions import Fraction

from mediaprobe import movie_box
from mediaprobe.boxes import Box, body, boxes, find, u32, u64
from mediaprobe.completeness import check_media
from mediaprobe.errors import NoVideoTrack, Truncated
from mediaprobe.findings import Findings, ratio
from mediaprobe.fragmented import read_fragments
from mediaprobe.movie import Movie
from mediaprobe.reader import KIB, MIB, MemoryReader, Reader
from mediaprobe.tracks import Track, matrix, read_track

# Far more than a film has with all its languages
_MAX_TRACKS = 256
# Video tracks that are read in full, because each may have a sequence header that takes milliseconds
_MAX_VIDEOS = 8
# The header of an hour of film inflates to about 2.5 MiB. Of a longer one only the start is read.
_MAX_COMPRESSED_MOOV = 2 * MIB
_MAX_INFLATED_MOOV = 4 * MIB
_INFLATED_BYTES_A_UNIT = 1 * KIB
# The boxes of a movie header that contain no track
_MOVIE_BOXES = frozenset(
    b"mvhd trak cmov mvex rmra iods udta meta free skip wide uuid ctab clip prfl pssh ainf mdra".split()
)
# The boxes of a lone segment of a stream.
_SEGMENT_BOXES = frozenset({b"moof", b"mdat", b"styp", b"sidx", b"free", b"emsg", b"prft"})


def parse(reader: Reader, findings: Findings) -> None:
    """Raise NoVideoTrack if every track is surely no picture, and Truncated if there is surely no header."""
    seen = movie_box.walk(reader)
    movie, moov = Movie(), seen.moov
    if moov is not None:
        _read_movie(reader, moov, movie, findings)
        larger = None if findings.video is not None else movie_box.with_following_tracks(reader, moov)
        if larger is not None:
            movie, moov = Movie(), larger
            _read_movie(reader, moov, movie, findings)
            movie.understood = False
    if findings.video is None and not (movie.tracks and movie.understood):
        # FFmpeg reads only the first `moov`, but a damaged one may have been written again.
        other, absent = movie_box.search(reader, seen)
        if other is not None:
            movie, moov = Movie(), other
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
        read_fragments(reader, moov, movie, findings)
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


def _no_video(movie: Movie, moov: Box) -> Truncated | NoVideoTrack:
    if moov.cut:
        return Truncated()
    if movie.external:
        return NoVideoTrack(
            "This file only points to other files. Export it as one self-contained file and upload that."
        )
    return NoVideoTrack()


def _read_movie(reader: Reader, moov: Box, movie: Movie, findings: Findings) -> None:
    try:
        _read_movie_boxes(reader, moov, movie, findings)
    finally:
        # The budget may have ended within a track, and what was read of it counts.
        _choose(movie, findings)
        _measure(movie, findings)


def _read_movie_boxes(reader: Reader, moov: Box, movie: Movie, findings: Findings) -> None:
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


def _read_movie_header(data: bytes, movie: Movie) -> None:
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


def _read_movie_extends(reader: Reader, mvex: Box, movie: Movie) -> None:
    movie.fragmented = True
    for box in boxes(reader, mvex.body, mvex.end):
        if box.type == b"mehd":
            data = body(reader, box, 12)
            movie.fragment_duration = u64(data, 4) if data[:1] == b"\x01" else u32(data, 4)
        elif box.type == b"trex":
            data = body(reader, box, 24)
            movie.sample_durations[u32(data, 4)] = u32(data, 12)


def _choose(movie: Movie, findings: Findings) -> None:
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


def _measure(movie: Movie, findings: Findings) -> None:
    durations = [_duration(track, fragmented=movie.fragmented) for track in movie.tracks]
    duration = ratio(movie.duration, movie.timescale) or max(durations, default=Fraction(0))
    findings.duration = duration or None
    findings.duration_source = "header"
    findings.fragmented = movie.fragmented


def _duration(track: Track, *, fragmented: bool) -> Fraction:
    """Return the duration in `mdhd`, else that of the samples if all of them are in `moov` and were read."""
    sampled = track.ticks if track.all_runs and not fragmented else 0
    return ratio(track.duration or sampled, track.timescale) or Fraction(0)
