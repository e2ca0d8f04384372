"""Reads MP4 and QuickTime files: `moov` wherever it lies, its tracks, and `moof` fragments (ISO/IEC 14496-12)."""

from __future__ import annotations

import math
import struct
import zlib
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice

from mediaprobe import bitstream, sample_entry
from mediaprobe.bitstream import SequenceHeader
from mediaprobe.boxes import Box, body, boxes, find, i32, u32, u64
from mediaprobe.errors import NoVideoTrack, Truncated, Unreadable
from mediaprobe.findings import Findings, Picture, Rotation, Sound, ratio, right_angle, uneven, usual_length
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
from mediaprobe.reader import MIB, MemoryReader, Reader

_MAX_TRACKS = 256
# Picture tracks read in full: each may hold a sequence header that takes milliseconds.
_MAX_PICTURES = 8
_MAX_STTS_RUNS = 4096
# Sound is even; what counts is whether there is any.
_MAX_SOUND_RUNS = 64
_MAX_COMPRESSED_MOOV = 2 * MIB
_MAX_INFLATED_MOOV = 4 * MIB
# Between `moov` and the first `moof` lie a few boxes at most.
_MAX_BEFORE_FRAGMENTS = 16
_STILL_CODECS = frozenset({"mjpeg", "png", "jpeg2000", "tiff", "gif"})
_IDENTITY = (1, 0, 0, 1)
# ITU-T H.263, 4.1: the standard picture formats and their pixels.
_H263_FORMATS = frozenset({(128, 96), (176, 144), (352, 288), (704, 576), (1408, 1152)})
_H263_SAR = Fraction(12, 11)
# A header-first file costs two requests; a third is spent only on a file that looks too small.
_FREE_REQUESTS = 2


@dataclass(slots=True)
class _Track:
    id: int = 0
    handler: bytes = b""
    enabled: bool = True
    matrix: tuple[int, int, int, int] = _IDENTITY
    shown_width: int = 0
    shown_height: int = 0
    timescale: int = 0
    duration: int = 0
    # How long nothing is shown before the track begins, in the movie's time units
    empty_edit: int = 0
    picture: Picture | None = None
    header: SequenceHeader | None = None
    sound: Sound | None = None
    # The part of `stts` that was read
    samples: int = 0
    ticks: int = 0
    lengths: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class _Movie:
    timescale: int = 0
    duration: int = 0
    matrix: tuple[int, int, int, int] = _IDENTITY
    tracks: list[_Track] = field(default_factory=list)
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
    if seen & {b"moof", b"styp"} and not seen - {
        b"moof",
        b"mdat",
        b"styp",
        b"sidx",
        b"free",
        b"emsg",
        b"prft",
    }:
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
            track = _read_track(reader, box, movie)
            _complete_picture(movie, track)
            movie.tracks.append(track)
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
    movie.matrix = _matrix(data, rest + 16)


def _matrix(data: bytes, offset: int) -> tuple[int, int, int, int]:
    """a, b, c, d of the 3 x 3 matrix, 16.16 fixed point (8.2.2.3)."""
    values = i32(data, offset), i32(data, offset + 4), i32(data, offset + 12), i32(data, offset + 16)
    return values if any(values) else _IDENTITY


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


def _read_track(reader: Reader, trak: Box, movie: _Movie) -> _Track:
    track = _Track()
    found: dict[bytes, Box] = {}
    for box in boxes(reader, trak.body, trak.end):
        found.setdefault(box.type, box)
        if {b"tkhd", b"mdia"} <= found.keys() and not reader.holds(box.end, 16):
            break
    if b"tkhd" in found:
        _read_track_header(body(reader, found[b"tkhd"], 96), track)
    if b"edts" in found:
        track.empty_edit = _empty_edit(reader, found[b"edts"])
    if b"mdia" not in found:
        return track
    media = find(reader, found[b"mdia"], b"mdhd", b"hdlr", b"minf")
    if b"mdhd" in media:
        data = body(reader, media[b"mdhd"], 32)
        if data[:1] == b"\x01":
            track.timescale, track.duration = u32(data, 20), u64(data, 24)
        else:
            track.timescale, track.duration = u32(data, 12), u32(data, 16)
        if track.duration in ((1 << 32) - 1, (1 << 64) - 1):
            track.duration = 0
    if b"hdlr" in media:
        track.handler = reader.read(media[b"hdlr"].body + 8, 4)
    pictures = sum(track.handler == b"vide" for track in movie.tracks)
    if track.handler == b"soun" or (track.handler == b"vide" and pictures < _MAX_PICTURES):
        minf = media.get(b"minf")
        stbl = find(reader, minf, b"stbl").get(b"stbl") if minf is not None else None
        if stbl is not None:
            _read_sample_table(reader, stbl, track)
    return track


def _empty_edit(reader: Reader, edts: Box) -> int:
    """The first edit's length if it shows nothing: media_time -1 (8.6.6)."""
    elst = find(reader, edts, b"elst").get(b"elst")
    if elst is None:
        return 0
    data = body(reader, elst, 28)
    if data[:1] == b"\x01":
        return u64(data, 8) if data[16:24] == b"\xff" * 8 else 0
    return u32(data, 8) if data[12:16] == b"\xff" * 4 else 0


def _read_track_header(data: bytes, track: _Track) -> None:
    """`tkhd`, 8.3.2: bit 0 of the flags is "enabled"; the size is 16.16 and before the matrix."""
    wide = data[:1] == b"\x01"
    track.enabled = data[3:4] != b"" and data[3] & 1 == 1
    track.id = u32(data, 20 if wide else 12)
    base = 36 if wide else 24
    track.matrix = _matrix(data, base + 16)
    track.shown_width, track.shown_height = u32(data, base + 52) >> 16, u32(data, base + 56) >> 16


def _read_sample_table(reader: Reader, stbl: Box, track: _Track) -> None:
    """`stsd` and the head of `stts`; the tables behind them, megabytes in a long film, are never fetched."""
    found = find(reader, stbl, b"stsd", b"stts")
    if b"stsd" in found:
        stsd = found[b"stsd"]
        entry = sample_entry.first_entry(reader, stsd)
        if entry is not None and track.handler == b"vide":
            track.picture, track.header = sample_entry.read_picture(reader, entry)
        elif entry is not None:
            track.sound = sample_entry.read_sound(reader, entry, reader.read(stsd.body, 1)[0])
    if b"stts" in found:
        _read_time_to_sample(reader, found[b"stts"], track)


def _read_time_to_sample(reader: Reader, stts: Box, track: _Track) -> None:
    """Runs of (sample count, duration), 8.6.1.2."""
    most = _MAX_STTS_RUNS if track.handler == b"vide" else _MAX_SOUND_RUNS
    count = min(u32(reader.read(stts.body, 8), 4), (stts.end - stts.body - 8) // 8, most)
    if count <= 0:
        return
    table = reader.read(stts.body + 8, count * 8)
    runs = [(n, delta) for n, delta in struct.iter_unpack(">II", table) if n]
    for samples, delta in runs:
        # A negative duration, which some writers produce, counts as one unit, as in FFmpeg.
        track.samples += samples
        length = delta if delta < 1 << 31 else 1
        track.ticks += samples * length
        track.lengths[length] += samples


def _choose(movie: _Movie, findings: Findings) -> None:
    """The first enabled moving picture and the first enabled sound; a cover picture only if nothing moves."""
    pictures = [track for track in movie.tracks if track.picture is not None]
    sounds = [track for track in movie.tracks if track.sound is not None]
    pictures.sort(key=lambda track: (_is_still(track), not track.enabled))
    sounds.sort(key=lambda track: not track.enabled)
    if pictures:
        findings.picture = pictures[0].picture
    if sounds:
        findings.sound = sounds[0].sound


def _is_still(track: _Track) -> bool:
    return track.picture is not None and track.picture.codec in _STILL_CODECS and track.samples <= 1


def _complete_picture(movie: _Movie, track: _Track) -> None:
    picture = track.picture
    if picture is None:
        return
    picture.rotation = _rotation(track.matrix, movie.matrix)
    picture.sar = _stretch(track.matrix) or picture.sar or _implied_sar(picture, track)
    bitstream.apply(track.header, picture)
    if picture.sar is None and picture.codec == "h263" and (picture.width, picture.height) in _H263_FORMATS:
        picture.sar = _H263_SAR
    if track.ticks and track.timescale:
        picture.frame_rate = Fraction(track.samples * track.timescale, track.ticks)
        picture.vfr = uneven(track.lengths)


def _stretch(matrix: tuple[int, int, int, int]) -> Fraction | None:
    """A matrix that widens the picture is an aspect ratio."""
    across, down = math.hypot(*matrix[:2]), math.hypot(*matrix[2:])
    if min(across, down) < 1 or abs(across / down - 1) < 0.01:
        return None
    return Fraction(across / down).limit_denominator(1000)


def _implied_sar(picture: Picture, track: _Track) -> Fraction | None:
    """`tkhd` states the size to show; where it differs from the coded shape the pixels are not square."""
    shown, coded = (track.shown_width, track.shown_height), (picture.width, picture.height)
    if shown == coded or (shown == coded[::-1] and picture.rotation in (90, 270)):
        return None
    return ratio(shown[0] * coded[1], shown[1] * coded[0])


def _rotation(track: tuple[int, int, int, int], movie: tuple[int, int, int, int]) -> Rotation:
    """Clockwise, because y points down: the angle to which the matrix turns the x axis."""
    a = track[0] * movie[0] + track[1] * movie[2]
    b = track[0] * movie[1] + track[1] * movie[3]
    return right_angle(math.degrees(math.atan2(b, a)))


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
    findings.truncated = findings.truncated or any(index.covered > reader.size for index in found)
    whole = [index.duration for index in found if covers_the_file(reader, index)]
    stated = ratio(movie.fragment_duration, movie.timescale)
    if few_are_left(reader, first, timeline) and add_all(reader, first, defaults, timeline):
        _take_timeline(movie, findings, timeline)
    elif stated is not None:
        findings.duration = stated
    elif whole:
        findings.duration, findings.duration_source = max(whole), "index"
    elif add_last(reader, first, defaults, timeline):
        _take_timeline(movie, findings, timeline)
    _fragment_frame_rate(movie, findings, timeline)


def _take_timeline(movie: _Movie, findings: Findings, timeline: Timeline) -> None:
    """To the end of the pictures and the sound; subtitles prolong it by a second at most, as in FFmpeg."""
    scales = {t.id: (t.timescale, _delay(movie, t)) for t in movie.tracks}
    end = timeline.end({t.id: scales[t.id] for t in movie.tracks if t.handler in (b"vide", b"soun")})
    last = timeline.end(scales)
    if end is not None and last is not None and last - end < 1:
        end = last
    findings.truncated = findings.truncated or timeline.cut
    findings.duration, findings.duration_source = end, "fragments"


def _delay(movie: _Movie, track: _Track) -> Fraction:
    return ratio(track.empty_edit, movie.timescale) or Fraction(0)


def _first_fragment(reader: Reader, start: int) -> tuple[Box | None, list[Index], Box | None]:
    """The first `moof` after the header, the indexes before it, and the last box looked at."""
    indexes: list[Index] = []
    last: Box | None = None
    for last in islice(boxes(reader, start, reader.size), _MAX_BEFORE_FRAGMENTS):
        if last.type == b"moof" and not last.cut:
            return last, indexes, last
        if last.type == b"sidx":
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
