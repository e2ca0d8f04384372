"""Reads Info, Tracks and, of live recordings, the tail of Matroska and WebM files (RFC 9559).

A file of MediaRecorder has neither Duration nor Cues, so its last cluster gives the duration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice

from mediaprobe import bitstream, codecs, sample_entry
from mediaprobe.boxes import Box
from mediaprobe.budget import Budget, Spending
from mediaprobe.clusters import Recording, measure
from mediaprobe.ebml import Element, binary, element_at, elements, floating, text, unsigned
from mediaprobe.errors import NoVideoTrack, Truncated
from mediaprobe.findings import Audio, Findings, Video, right_angle
from mediaprobe.reader import MemoryReader, Reader
from mediaprobe.riff import BITMAP_INFO, read_bitmap_info, read_wave_format
from mediaprobe.tail import find_lost

_EBML, _SEGMENT, _SEEK_HEAD, _INFO, _TRACKS, _CLUSTER = (
    0x1A45DFA3,
    0x18538067,
    0x114D9B74,
    0x1549A966,
    0x1654AE6B,
    0x1F43B675,
)
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
_TIMESTAMP_SCALE, _DURATION = 0x2AD7B1, 0x4489
_TRACK_ENTRY, _TRACK_NUMBER, _TRACK_TYPE, _DEFAULT_DURATION, _CODEC_ID, _CODEC_PRIVATE, _VIDEO, _AUDIO = (
    0xAE,
    0xD7,
    0x83,
    0x23E383,
    0x86,
    0x63A2,
    0xE0,
    0xE1,
)
_FLAG_ENABLED, _BLOCK_ADDITION_MAPPING, _BLOCK_ADD_ID_TYPE, _BLOCK_ADD_ID_EXTRA = 0xB9, 0x41E4, 0x41E7, 0x41ED
_DECODED_FIELD_DURATION, _FLAG_INTERLACED = 0x234E7A, 0x9A
_PIXEL_WIDTH, _PIXEL_HEIGHT, _DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT, _STEREO_MODE = (
    0xB0,
    0xBA,
    0x54B0,
    0x54BA,
    0x54B2,
    0x53B8,
)
_CROP_BOTTOM, _CROP_TOP, _CROP_LEFT, _CROP_RIGHT = 0x54AA, 0x54BB, 0x54CC, 0x54DD
_COLOUR, _MATRIX, _TRANSFER, _PRIMARIES = 0x55B0, 0x55B1, 0x55BA, 0x55BB
_PROJECTION, _PROJECTION_TYPE, _POSE_YAW, _POSE_PITCH, _POSE_ROLL = 0x7670, 0x7671, 0x7673, 0x7674, 0x7675
_SAMPLING, _OUTPUT_SAMPLING, _CHANNELS, _BIT_DEPTH = 0xB5, 0x78B5, 0x9F, 0x6264
_CRC, _VOID = 0xBF, 0xEC

_TYPE_AUDIO = 2
# Video, and complex, which has video and audio
_PICTURES = frozenset({1, 3})
# Audio, subtitle, buttons, control and metadata
_NO_PICTURES = frozenset({2, 0x11, 0x12, 0x20, 0x21})
# CRC-32 and Void may precede the first track.
_BEFORE_TRACKS = 8
# What may stand between the tracks
_FILLING = frozenset({_CRC, _VOID})
# A file has its Tracks in the first bytes, or is damaged if they are not found after this many requests.
_HEADER_REQUESTS = 12
_MAX_TRACKS = 256
_MAX_SAMPLE_ENTRY = 4096
_DEFAULT_SCALE = 1_000_000
_DISPLAY_UNIT_UNKNOWN = 4
_INTERLACED = 1
_HALF_TURN = 180
_DOLBY_VISION = frozenset(int.from_bytes(code, "big") for code in (b"dvcC", b"dvvC", b"dvwC"))
# Packed stereo frames (5.1.4.1.28.3), whose DisplayWidth and DisplayHeight are those of one eye.
_SIDE_BY_SIDE, _TOP_BOTTOM = frozenset({1, 8, 9, 11}), frozenset({2, 3, 6, 7})


@dataclass(slots=True)
class _Track:
    number: int = 0
    kind: int = 0
    enabled: bool = True
    codec_id: str = ""
    private: bytes = b""
    default_duration: int = 0
    # Whether the container says that a frame has two fields, and whether the codec allows it
    interlaced: bool = False
    fields: bool = False
    # DisplayWidth and DisplayHeight, with both eyes of a stereo frame
    shown: tuple[int, int] | None = None
    video: Video = field(default_factory=Video)
    audio: Audio = field(default_factory=Audio)
    bit_depth: int = 0

    @property
    def has_picture(self) -> bool:
        return self.kind in _PICTURES or (self.kind not in _NO_PICTURES and self.video.width > 0)


@dataclass(slots=True)
class _Segment:
    element: Element
    scale: int = _DEFAULT_SCALE
    duration: float = 0.0
    tracks: list[_Track] = field(default_factory=list)
    video: _Track | None = None
    cluster: Element | None = None
    # Whether the walk ended at the Segment's end, before a Cluster
    ended: bool = False
    # Whether an element is longer than the Segment
    damaged: bool = False
    # Whether Tracks was found, and every entry was read and surely has no picture
    described: bool = False
    understood: bool = True


def parse(reader: Reader, findings: Findings) -> None:
    """Raise NoVideoTrack if every track is surely no picture, and Truncated if there surely are no Tracks."""
    segment = _Segment(_find_segment(reader))
    findings.truncated = segment.element.cut
    absent = False
    try:
        _read_header(reader, segment, segment.element.body)
        if not segment.tracks:
            absent = _search_header(reader, segment)
    finally:
        # The budget may have ended within the header, and what was read of it counts.
        _choose(segment, findings)
        _set_duration(segment, findings)
    if segment.video is None:
        _refuse(segment, absent=absent)
        return
    if segment.cluster is not None:
        durations = {
            track.number: Fraction(track.default_duration, segment.scale) for track in segment.tracks
        }
        video = segment.video
        recording = Recording(
            segment.element,
            segment.scale,
            video.number,
            durations,
            fields=video.interlaced or video.fields,
            interlaced=video.interlaced,
        )
        measure(reader, recording, segment.cluster, findings)
    elif segment.ended and not segment.damaged:
        findings.truncated, findings.available = True, Fraction(0)


def _refuse(segment: _Segment, *, absent: bool) -> None:
    """Raise an error if this surely is no video. A file that ends in its header has no Cluster."""
    if segment.described and segment.understood and not segment.ended:
        raise NoVideoTrack
    if absent and not segment.described:
        raise Truncated


def _set_duration(segment: _Segment, findings: Findings) -> None:
    duration = segment.duration * segment.scale / 1e9
    if math.isfinite(duration) and duration > 0:
        findings.duration = Fraction(duration)
        findings.duration_source = "header"


def _find_segment(reader: Reader) -> Element:
    """Return the Segment. If it is damaged, return what follows the EBML header instead, as FFmpeg does."""
    start = 0
    for element in elements(reader, 0, reader.size):
        if element.id == _SEGMENT:
            return element
        if element.id not in (_EBML, *_FILLING):
            break
        start = element.end
    return Element(_SEGMENT, start, start, reader.size, unknown=True, stop=reader.size)


def _read_header(reader: Reader, segment: _Segment, start: int) -> None:
    """Read Info and Tracks before the first Cluster, or where the SeekHead says."""
    seeks: dict[int, int] = {}
    seen: set[int] = set()
    end = start
    for element in elements(reader, start, segment.element.end):
        if element.id == _CLUSTER:
            segment.cluster = element
            break
        end = element.end
        segment.damaged = segment.damaged or (
            element.cut and not segment.element.cut and not segment.element.unknown
        )
        if element.id == _SEEK_HEAD:
            seeks.update(_read_seek_head(reader, element))
        seen.add(element.id)
        _read_top_level(reader, element, segment)
        lost = not segment.described and reader.spending.requests >= _HEADER_REQUESTS
        if element.unknown or lost:
            end = start
            break
    segment.ended = segment.cluster is None and end >= segment.element.end
    for wanted in (_TRACKS, _INFO):
        if wanted not in seen and wanted in seeks:
            found = element_at(reader, segment.element.body + seeks[wanted], segment.element.end)
            if found is not None and found.id == wanted:
                _read_top_level(reader, found, segment)


def _search_header(reader: Reader, segment: _Segment) -> bool:
    """Read Tracks wherever they are. Return whether they are nowhere in the file."""

    def is_mention(place: int) -> bool:
        """Return whether this is the SeekID of a SeekHead."""
        return _SEEK_ID.to_bytes(2, "big") in reader.read(max(0, place - 10), min(place, 10))

    def check(place: int) -> Element | None:
        found = element_at(reader, place, reader.size)
        inner = () if found is None else islice(elements(reader, found.body, found.end), _BEFORE_TRACKS)
        return found if any(child.id == _TRACK_ENTRY for child in inner) else None

    found, absent = find_lost(reader, _TRACKS.to_bytes(4, "big"), check, is_mention)
    if found is not None:
        if found.end > segment.element.end:
            segment.element = replace(segment.element, end=reader.size, stop=reader.size)
        _read_header(reader, segment, found.start)
    return absent


def _read_seek_head(reader: Reader, head: Element) -> dict[int, int]:
    positions: dict[int, int] = {}
    for seek in elements(reader, head.body, head.end):
        if seek.id != _SEEK:
            continue
        target = position = 0
        for child in elements(reader, seek.body, seek.end):
            if child.id == _SEEK_ID:
                target = unsigned(reader, child)
            elif child.id == _SEEK_POSITION:
                position = unsigned(reader, child)
        positions.setdefault(target, position)
    return positions


def _read_top_level(reader: Reader, element: Element, segment: _Segment) -> None:
    if element.id == _INFO:
        for child in elements(reader, element.body, element.end):
            if child.id == _TIMESTAMP_SCALE:
                segment.scale = unsigned(reader, child) or _DEFAULT_SCALE
            elif child.id == _DURATION:
                segment.duration = floating(reader, child)
    elif element.id == _TRACKS:
        segment.described = True
        end = element.body
        for child in elements(reader, element.body, element.end):
            end = child.end
            if child.id == _TRACK_ENTRY and len(segment.tracks) < _MAX_TRACKS:
                track = _Track()
                segment.tracks.append(track)
                _read_track(reader, child, track)
                segment.understood = segment.understood and track.kind in _NO_PICTURES
            elif child.id not in _FILLING:
                segment.understood = False
        segment.understood = segment.understood and end == element.end and not element.cut


def _read_track(reader: Reader, entry: Element, track: _Track) -> None:
    for child in elements(reader, entry.body, entry.end):
        if child.id == _TRACK_NUMBER:
            track.number = unsigned(reader, child)
        elif child.id == _TRACK_TYPE:
            track.kind = unsigned(reader, child)
        elif child.id == _FLAG_ENABLED:
            track.enabled = unsigned(reader, child) != 0
        elif child.id == _DEFAULT_DURATION:
            track.default_duration = unsigned(reader, child)
        elif child.id == _DECODED_FIELD_DURATION:
            track.interlaced = track.interlaced or unsigned(reader, child) > 0
        elif child.id == _CODEC_ID:
            track.codec_id = text(reader, child)
        elif child.id == _CODEC_PRIVATE:
            track.private = binary(reader, child, bitstream.MAX_CONFIG)
        elif child.id == _VIDEO:
            _read_video(reader, child, track)
        elif child.id == _AUDIO:
            _read_audio(reader, child, track)
        elif child.id == _BLOCK_ADDITION_MAPPING:
            _read_block_addition(reader, child, track.video)


def _read_block_addition(reader: Reader, mapping: Element, video: Video) -> None:
    kind, extra = 0, b""
    for child in elements(reader, mapping.body, mapping.end):
        if child.id == _BLOCK_ADD_ID_TYPE:
            kind = unsigned(reader, child)
        elif child.id == _BLOCK_ADD_ID_EXTRA:
            extra = binary(reader, child, 24)
    if kind in _DOLBY_VISION:
        video.dolby_vision, video.dolby_vision_record = True, extra


def _read_video(reader: Reader, element: Element, track: _Track) -> None:
    values: dict[int, int] = {}
    try:
        for child in elements(reader, element.body, element.end):
            if child.id == _COLOUR:
                _read_colour(reader, child, track.video)
            elif child.id == _PROJECTION:
                _read_projection(reader, child, track.video)
            else:
                values[child.id] = unsigned(reader, child)
    finally:
        _set_picture(values, track)


def _set_picture(values: dict[int, int], track: _Track) -> None:
    video = track.video
    track.interlaced = track.interlaced or values.get(_FLAG_INTERLACED) == _INTERLACED
    left, right = values.get(_CROP_LEFT, 0), values.get(_CROP_RIGHT, 0)
    video.crop = (left, values.get(_CROP_TOP, 0), right, values.get(_CROP_BOTTOM, 0))
    video.width, video.height = values.get(_PIXEL_WIDTH, 0), values.get(_PIXEL_HEIGHT, 0)
    if values.get(_DISPLAY_UNIT, 0) >= _DISPLAY_UNIT_UNKNOWN:
        return
    if not values.get(_DISPLAY_WIDTH) and not values.get(_DISPLAY_HEIGHT):
        # Both default to the size after cropping (5.1.4.1.28.14), so the pixels are square.
        video.sar = Fraction(1)
        return
    width, height = _cropped(video) or (video.width, video.height)
    across, down = values.get(_DISPLAY_WIDTH) or width, values.get(_DISPLAY_HEIGHT) or height
    stereo = values.get(_STEREO_MODE, 0)
    track.shown = across * (2 if stereo in _SIDE_BY_SIDE else 1), down * (2 if stereo in _TOP_BOTTOM else 1)


def _cropped(video: Video) -> tuple[int, int] | None:
    """Return the size after cropping, or None if nothing is left."""
    left, top, right, bottom = video.crop
    width, height = video.width - left - right, video.height - top - bottom
    return (width, height) if width > 0 and height > 0 else None


def _read_colour(reader: Reader, colour: Element, video: Video) -> None:
    for child in elements(reader, colour.body, colour.end):
        if child.id == _PRIMARIES:
            video.primaries = unsigned(reader, child)
        elif child.id == _TRANSFER:
            video.transfer = unsigned(reader, child)
        elif child.id == _MATRIX:
            video.matrix = unsigned(reader, child)


def _read_projection(reader: Reader, projection: Element, video: Video) -> None:
    kind, yaw, pitch, roll = 0, 0.0, 0.0, 0.0
    for child in elements(reader, projection.body, projection.end):
        if child.id == _PROJECTION_TYPE:
            kind = unsigned(reader, child)
        elif child.id == _POSE_YAW:
            yaw = floating(reader, child)
        elif child.id == _POSE_PITCH:
            pitch = floating(reader, child)
        elif child.id == _POSE_ROLL:
            roll = floating(reader, child)
    if kind == 0 and all(map(math.isfinite, (yaw, pitch, roll))):
        # A yaw of 180 flips from left to right, a pitch of 180 upside down, both before PoseRoll, which is
        # counter-clockwise (5.1.4.1.28.44 to 46). Other values turn the picture out of its plane.
        flipped, upside_down = right_angle(yaw) == _HALF_TURN, right_angle(pitch) == _HALF_TURN
        video.mirrored = flipped != upside_down
        video.rotation = right_angle(_HALF_TURN * upside_down - roll)


def _read_audio(reader: Reader, element: Element, track: _Track) -> None:
    rate, output = 8000.0, 0.0
    track.audio.channels = 1
    for child in elements(reader, element.body, element.end):
        if child.id == _CHANNELS:
            track.audio.channels = unsigned(reader, child)
        elif child.id == _SAMPLING:
            rate = floating(reader, child)
        elif child.id == _OUTPUT_SAMPLING:
            output = floating(reader, child)
        elif child.id == _BIT_DEPTH:
            track.bit_depth = unsigned(reader, child)
    chosen = output if math.isfinite(output) and output > 0 else rate
    track.audio.sample_rate = round(chosen) if math.isfinite(chosen) else None


def _complete_video(track: _Track) -> None:
    video, private = track.video, track.private
    if track.codec_id == "V_MS/VFW/FOURCC":
        video.codec = read_bitmap_info(private).codec
        header = bitstream.configuration(video.codec, private[BITMAP_INFO:])
    elif track.codec_id == "V_QUICKTIME":
        video.codec = codecs.mp4_video(private[4:8])
        header = _quicktime_configuration(private)
    else:
        video.codec = codecs.matroska(track.codec_id, track.bit_depth)
        header = bitstream.configuration(video.codec, private)
    pixels = video.width, video.height
    bitstream.apply(header, video)
    bitstream.complete_dolby_vision(video)
    track.fields = header is not None and header.fields
    _crop(track, pixels)
    if track.default_duration:
        video.frame_rate = Fraction(1_000_000_000, track.default_duration)


def _quicktime_configuration(entry: bytes) -> bitstream.SequenceHeader | None:
    """Return the configuration in a QuickTime sample entry.

    This also runs after the probe's budget has ended, so it has one of its own. The entry has at most 4 KiB.
    """
    entry = entry[:_MAX_SAMPLE_ENTRY]
    reader = MemoryReader(entry, Spending(Budget()))
    return sample_entry.read_video(reader, Box(entry[4:8], 0, 8, len(entry), len(entry)), Video())


def _crop(track: _Track, pixels: tuple[int, int]) -> None:
    """Apply PixelCrop and DisplayWidth and DisplayHeight to the coded size.

    DisplayWidth and DisplayHeight are for the cropped picture (5.1.4.1.28.14). mkvmerge writes them for the whole one,
    and players scale before they crop.
    """
    video = track.video
    if track.shown is not None and not any(video.crop):
        bitstream.remove_padding(video, track.shown)
    whole = video.width, video.height
    cropped = _cropped(video)
    if cropped is None:
        cropped, video.crop = whole, (0, 0, 0, 0)
    video.width, video.height = cropped
    if track.shown is not None and min(whole) > 0:
        video.sar = bitstream.pixel_aspect(track.shown, whole, cropped, pixels)


def _complete_audio(track: _Track) -> None:
    if track.codec_id == "A_MS/ACM":
        track.audio.codec = read_wave_format(track.private).codec
    elif track.codec_id == "A_QUICKTIME":
        track.audio.codec = codecs.mp4_audio(track.private[4:8])
    else:
        track.audio.codec = codecs.matroska(track.codec_id, track.bit_depth)


def _choose(segment: _Segment, findings: Findings) -> None:
    videos = [t for t in segment.tracks if t.has_picture]
    audios = [t for t in segment.tracks if t.kind == _TYPE_AUDIO]
    videos.sort(key=lambda track: not track.enabled)
    audios.sort(key=lambda track: not track.enabled)
    if videos:
        _complete_video(videos[0])
        segment.video = videos[0]
        findings.video = videos[0].video
    if audios:
        _complete_audio(audios[0])
        findings.audio = audios[0].audio
