"""Reads the header, edit list, sample entry and frame times of a `trak` (ISO/IEC 14496-12)."""

from __future__ import annotations

import math
import struct
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from mediaprobe import bitstream, codecs, sample_entry
from mediaprobe.bitstream import SequenceHeader
from mediaprobe.boxes import Box, body, boxes, find, i32, u32, u64
from mediaprobe.findings import Audio, Rotation, Video, is_variable, right_angle
from mediaprobe.reader import ROWS_A_UNIT, Reader

Matrix = tuple[int, int, int, int]
IDENTITY: Matrix = (1, 0, 0, 1)

_MAX_STTS_RUNS = 4096
# Of audio only the existence of samples matters.
_MAX_AUDIO_RUNS = 64
_STILL_CODECS = frozenset({"mjpeg", "png", "jpeg2000", "tiff", "gif"})
# The standard picture formats and their pixel aspect ratio (ITU-T H.263, 4.1).
_H263_FORMATS = frozenset({(128, 96), (176, 144), (352, 288), (704, 576), (1408, 1152)})
_H263_SAR = Fraction(12, 11)
# Handlers of tracks with pictures, and of those without any (14496-12, 12, and mp4ra.org)
_PICTURES = frozenset({b"vide", b"pict", b"auxv"})
_NO_PICTURES = frozenset(
    b"soun text sbtl subt clcp subp hint meta tmcd odsm sdsm crsm ocsm m7sm mjsm ipsm musi fdsc camm".split()
)


@dataclass(slots=True)
class Track:
    id: int = 0
    handler: bytes = b""
    enabled: bool = True
    matrix: Matrix = IDENTITY
    shown_width: int = 0
    shown_height: int = 0
    timescale: int = 0
    duration: int = 0
    # The duration of an empty edit before the track begins, in the movie's timescale
    empty_edit: int = 0
    video: Video | None = None
    header: SequenceHeader | None = None
    audio: Audio | None = None
    # From the runs of `stts` that were read
    samples: int = 0
    ticks: int = 0
    durations: Counter[int] = field(default_factory=Counter)
    all_runs: bool = False
    tables: Box | None = None
    # Whether the track has a box twice that may stand only once, or extends past the header
    doubtful: bool = False

    @property
    def still(self) -> bool:
        """Whether this is a cover or chapter image."""
        return self.video is not None and self.video.codec in _STILL_CODECS and self.samples <= 1

    @property
    def has_size(self) -> bool:
        return self.video is not None and self.video.width > 0

    @property
    def has_no_picture(self) -> bool:
        """Whether this is surely no picture track of any kind."""
        return self.video is None and self.handler in _NO_PICTURES and not self.doubtful


def read_track(reader: Reader, trak: Box, movie_matrix: Matrix, track: Track, *, videos: bool) -> None:
    """Read one track. Without `videos` the sample table of a video track is not read.

    If the budget ends, `track` has what was read until then.
    """
    try:
        _read_boxes(reader, trak, track, videos=videos)
    finally:
        _complete_video(movie_matrix, track)


def _read_boxes(reader: Reader, trak: Box, track: Track, *, videos: bool) -> None:
    """Read the first box of each type in the order of the file."""
    seen: set[bytes] = set()
    track.doubtful = trak.cut
    for box in boxes(reader, trak.body, trak.end):
        if box.body == box.end:
            continue
        if box.type in seen:
            track.doubtful = track.doubtful or box.type == b"mdia"
            continue
        seen.add(box.type)
        if box.type == b"tkhd":
            _read_track_header(body(reader, box, 96), track)
        elif box.type == b"edts":
            track.empty_edit = _empty_edit(reader, box)
        elif box.type == b"mdia":
            _read_media(reader, box, track, videos=videos)
        if {b"tkhd", b"mdia"} <= seen and not reader.has_cached(box.end, 16):
            break


def _read_media(reader: Reader, mdia: Box, track: Track, *, videos: bool) -> None:
    media = find(reader, mdia, b"mdhd", b"hdlr", b"minf")
    if b"mdhd" in media:
        data = body(reader, media[b"mdhd"], 32)
        if data[:1] == b"\x01":
            track.timescale, track.duration = u32(data, 20), u64(data, 24)
        else:
            track.timescale, track.duration = u32(data, 12), u32(data, 16)
        if track.duration in ((1 << 32) - 1, (1 << 64) - 1):
            track.duration = 0
    if b"hdlr" in media:
        track.handler = body(reader, media[b"hdlr"], 12)[8:]
    if track.handler == b"soun" or videos:
        minf = media.get(b"minf")
        stbl = find(reader, minf, b"stbl").get(b"stbl") if minf is not None else None
        if stbl is not None:
            _read_sample_table(reader, stbl, track)
    if track.handler in _PICTURES and track.video is None:
        track.video = Video()


def _empty_edit(reader: Reader, edts: Box) -> int:
    """Return the duration of the first edit if it is empty, which is a media_time of -1 (8.6.6)."""
    elst = find(reader, edts, b"elst").get(b"elst")
    if elst is None:
        return 0
    data = body(reader, elst, 28)
    if data[:1] == b"\x01":
        return u64(data, 8) if data[16:24] == b"\xff" * 8 else 0
    return u32(data, 8) if data[12:16] == b"\xff" * 4 else 0


def _read_track_header(data: bytes, track: Track) -> None:
    """Read `tkhd` (8.3.2). Bit 0 of the flags is "enabled". The size is 16.16 fixed point, without the matrix."""
    wide = data[:1] == b"\x01"
    track.enabled = data[3:4] != b"" and data[3] & 1 == 1
    track.id = u32(data, 20 if wide else 12)
    base = 36 if wide else 24
    track.matrix = matrix(data, base + 16)
    track.shown_width, track.shown_height = u32(data, base + 52) >> 16, u32(data, base + 56) >> 16


def _read_sample_table(reader: Reader, stbl: Box, track: Track) -> None:
    """Read `stsd` and the start of `stts`. The tables after them, megabytes in a long film, are never fetched."""
    seen: set[bytes] = set()
    track.tables = stbl
    for box in boxes(reader, stbl.body, stbl.end):
        if box.type in seen or box.body == box.end:
            continue
        seen.add(box.type)
        if box.type == b"stsd":
            _read_sample_entry(reader, box, track)
        elif box.type == b"stts":
            _read_time_to_sample(reader, box, track)
        if {b"stsd", b"stts"} <= seen:
            break


def _read_sample_entry(reader: Reader, stsd: Box, track: Track) -> None:
    entry = sample_entry.first_entry(reader, stsd)
    if entry is None:
        return
    # FFmpeg takes the type of every track but sound from the sample entry.
    if track.handler in _PICTURES or (track.handler != b"soun" and codecs.is_mp4_video(entry.type)):
        track.video = Video()
        track.header = sample_entry.read_video(reader, entry, track.video)
    elif track.handler == b"soun":
        track.audio = Audio()
        sample_entry.read_audio(reader, entry, reader.read(stsd.body, 1)[0], track.audio)


def _read_time_to_sample(reader: Reader, stts: Box, track: Track) -> None:
    """Read the runs of (sample count, duration) in `stts` (8.6.1.2).

    Some writers correct the time by a negative duration, and players, such as FFmpeg, subtract it.
    """
    most = _MAX_AUDIO_RUNS if track.handler == b"soun" else _MAX_STTS_RUNS
    stated = u32(reader.read(stts.body, 8), 4)
    count = min(stated, (stts.end - stts.body - 8) // 8, most)
    if count <= 0:
        return
    track.all_runs = count == stated
    table = reader.read(stts.body + 8, count * 8)
    reader.spending.count_work(count // ROWS_A_UNIT)
    runs = [(n, delta) for n, delta in struct.iter_unpack(">Ii", table) if n]
    while runs and runs[-1][1] < 0:
        # No sample follows whose time a negative duration could correct.
        runs.pop()
    track.samples = sum(n for n, _ in runs)
    for samples, delta in runs:
        if delta >= 0:
            track.durations[delta] += samples
    total = sum(samples * delta for samples, delta in runs)
    track.ticks = total if total > 0 else sum(n * delta for delta, n in track.durations.items())


def _complete_video(movie_matrix: Matrix, track: Track) -> None:
    video = track.video
    if video is None:
        return
    displayed = _product(track.matrix, movie_matrix)
    video.rotation, video.mirrored = _orientation(displayed)
    stated = _stretch(displayed) or video.sar
    entry = video.width, video.height
    bitstream.apply(track.header, video)
    bitstream.complete_dolby_vision(video)
    if stated is None or stated == 1:
        bitstream.remove_padding(video, (track.shown_width, track.shown_height))
    video.sar = stated or _implied_sar(video, track, entry) or video.sar
    if video.sar is None and video.codec == "h263" and (video.width, video.height) in _H263_FORMATS:
        video.sar = _H263_SAR
    if track.ticks and track.timescale:
        video.frame_rate = Fraction(track.samples * track.timescale, track.ticks)
        video.vfr = is_variable(track.durations)


def _stretch(matrix: Matrix) -> Fraction | None:
    """Return the aspect ratio of a matrix that scales both axes differently."""
    across, down = math.hypot(*matrix[:2]), math.hypot(*matrix[2:])
    if min(across, down) < 1 or abs(across / down - 1) < 0.01:
        return None
    return Fraction(across / down).limit_denominator(1000)


def _implied_sar(video: Video, track: Track, entry: tuple[int, int]) -> Fraction | None:
    """Return the pixel aspect ratio that turns the coded size into the display size of `tkhd`, unless it has none."""
    shown, sizes = (track.shown_width, track.shown_height), ((video.width, video.height), entry)
    if shown[::-1] in sizes and video.rotation in (90, 270):
        return None
    aspect = bitstream.pixel_aspect(shown, *sizes)
    # The width of the picture itself says nothing about its pixels.
    return None if aspect == 1 and shown[0] in (video.width, entry[0]) else aspect


def _orientation(matrix: Matrix) -> tuple[Rotation, bool]:
    """Return the angle by which the matrix rotates the x axis, clockwise because y points down, and if it mirrors.

    A mirrored picture is flipped from left to right before it is rotated, as in Exif. That negates the x axis.
    """
    a, b, c, d = matrix
    mirrored = a * d - b * c < 0
    return right_angle(math.degrees(math.atan2(-b, -a) if mirrored else math.atan2(b, a))), mirrored


def _product(track: Matrix, movie: Matrix) -> Matrix:
    """Return the matrix that applies the track's and then the movie's, both in 16.16 fixed point."""
    a, b, c, d = (
        sum(x * y for x, y in zip(row, column, strict=True))
        for row in (track[:2], track[2:])
        for column in (movie[::2], movie[1::2])
    )
    return a, b, c, d


def matrix(data: bytes, offset: int) -> Matrix:
    """Return a, b, c, d of the 3 x 3 matrix in 16.16 fixed point (8.2.2.3)."""
    values = i32(data, offset), i32(data, offset + 4), i32(data, offset + 12), i32(data, offset + 16)
    return values if any(values) else IDENTITY
