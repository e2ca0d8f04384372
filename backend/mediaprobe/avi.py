"""Reads the headers of AVI and OpenDML files, which are little-endian RIFF chunks.

As in FFmpeg, the sizes of lists do not matter. A recorder that was interrupted has not written them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from mediaprobe import bitstream, codecs, dv
from mediaprobe.errors import NoVideoTrack, Truncated
from mediaprobe.findings import Audio, Findings, Video, ratio
from mediaprobe.reader import ROWS_A_UNIT, Reader
from mediaprobe.riff import BITMAP_INFO, read_bitmap_info, read_wave_format

_MAX_STREAMS = 256
# Codecs whose configuration follows BITMAPINFOHEADER.
_CONFIGURED = frozenset({"h264", "hevc", "av1"})
# A stream's rate outside these limits, and a duration of more than 10 days, are damaged or were never written.
_MIN_FRAME_RATE, _MAX_FRAME_RATE = Fraction(1, 1000), 240
_MAX_SECONDS = 10 * 24 * 3600
# Lists of media data and of tags, which have no headers of streams
_SKIPPED_LISTS = frozenset({b"movi", b"INFO", b"ncdt"})
# Streams without pictures. `pads` is skipped in FFmpeg, and DXSA and DXSB are subtitles in a stream of `vids`.
_NO_PICTURES = frozenset({b"auds", b"txts", b"mids", b"dats", b"pads"})
_SUBTITLES = frozenset({b"DXSA", b"DXSB"})
# The lengths of BITMAPINFOHEADER and of its later versions
_BITMAP_HEADERS = (40, 108, 124)
# DV video and audio in one stream, which is DV type 1. FFmpeg knows both spellings.
_INTERLEAVED = frozenset({b"iavs", b"ivas"})
# The first chunks of `movi`, of which one has the first DV frame
_MAX_FRAMES = 16
_SUPER_INDEX_HEADER, _SUPER_INDEX_ENTRY = 24, 16
# The sizes that FFmpeg and recorders write before they know a list's size
_UNWRITTEN = frozenset({0, 0xFFFFFFFF})
# FFmpeg's number of frames or samples of a stream whose length is never written
_UNWRITTEN_LENGTH = 1 << 30
# Some writers also count the header of the list, which has 12 bytes.
_LIST_HEADER = 12
# FFmpeg takes a larger chunk in the header for damage.
_MAX_HEADER_CHUNK = 1_000_000
# Far more than the lists of a file, each of up to 1 GiB
_MAX_PARTS = 4096


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One chunk. The `kind` of a list is its form type, and its body follows that.

    If its size exceeds the file, `end` is the file's end. `stop` is the end that the size states.
    """

    kind: bytes
    body: int
    end: int
    stop: int
    is_list: bool

    @property
    def cut(self) -> bool:
        return self.stop > self.end + (_LIST_HEADER if self.is_list else 0)


@dataclass(slots=True)
class _Stream:
    kind: bytes = b""
    handler: bytes = b""
    scale: int = 0
    rate: int = 0
    length: int = 0
    format: bytes = b""
    aspect: Fraction | None = None
    # From the index of all RIFF lists (OpenDML 1.02, 3.0), the end of each part and the frames in it
    parts: list[tuple[int, int]] = field(default_factory=list)

    @property
    def has_picture(self) -> bool:
        if self.kind in (b"vids", *_INTERLEAVED):
            return self.format[16:20] not in _SUBTITLES
        bitmap = int.from_bytes(self.format[:4], "little") in _BITMAP_HEADERS
        return self.kind not in _NO_PICTURES and bitmap and read_bitmap_info(self.format).width > 0


@dataclass(slots=True)
class _Header:
    streams: list[_Stream] = field(default_factory=list)
    # The start of `avih`
    main: bytes = b""
    # Whether `avih` or `hdrl` was found
    begun: bool = False
    total_frames: int = 0
    media: _Chunk | None = None
    # Whether every chunk was read, and none of them is strange
    understood: bool = True


def parse(reader: Reader, findings: Findings) -> None:
    """Raise NoVideoTrack if every stream is surely no picture, and Truncated if the file ends before its streams."""
    riff = next(_chunks(reader, 0, reader.size), None)
    if riff is None:
        raise Truncated
    header = _Header()
    try:
        _read_header(reader, riff.body, header)
    finally:
        # The budget may have ended within the header, and what was read of it counts.
        _settle(header, findings)
    if findings.video is not None and findings.video.codec == "dvvideo" and header.media is not None:
        _apply_dv(reader, header, header.media.body, findings)
    _check_media(reader, header, findings)
    if findings.video is not None or not header.understood:
        return
    if not header.begun or not (header.streams or header.media):
        raise Truncated
    if header.media is not None and all(stream.kind in _NO_PICTURES for stream in header.streams):
        raise NoVideoTrack


def _chunks(reader: Reader, start: int, end: int) -> Iterator[_Chunk]:
    """Yield chunks one after another, and the content of a list after the list. Skip `movi` and lists of tags."""
    while True:
        head = reader.read(start, min(12, end - start))
        if len(head) < 8:
            return
        kind, size, body = head[:4], int.from_bytes(head[4:8], "little"), start + 8
        stop = body + size
        is_list = kind in (b"RIFF", b"LIST")
        if is_list:
            kind, body = head[8:12], start + 12
            # A recorder that was interrupted, or that writes to a pipe, has not written the size.
            stop = end if size in _UNWRITTEN else stop
        yield _Chunk(kind, body, min(stop, end), stop, is_list)
        # Chunks are padded to an even size.
        start = stop + (stop & 1)
        if is_list and kind not in _SKIPPED_LISTS:
            start = body


def _read_header(reader: Reader, start: int, header: _Header) -> None:
    """Read all chunks before `movi`, or after it if the streams are not described before."""
    end = start
    for chunk in _chunks(reader, start, reader.size):
        end = chunk.end
        if chunk.is_list and chunk.kind == b"movi":
            header.media = header.media or chunk
            if header.streams:
                return
        elif chunk.is_list:
            header.begun = header.begun or chunk.kind == b"hdrl"
        elif chunk.kind == b"strh" and len(header.streams) >= _MAX_STREAMS:
            header.understood = False
            return
        else:
            _read_chunk(reader, chunk, header)
            if chunk.stop - chunk.body > _MAX_HEADER_CHUNK:
                header.understood = False
    header.understood = header.understood and reader.size - end < 8


def _read_chunk(reader: Reader, chunk: _Chunk, header: _Header) -> None:
    data = reader.read(chunk.body, min(64, chunk.end - chunk.body))
    if chunk.kind == b"avih":
        header.begun = True
        header.main = data[:40]
    elif chunk.kind == b"dmlh":
        header.total_frames = _u32(data, 0)
    elif chunk.kind == b"strh":
        stream = _Stream(kind=data[:4], handler=data[4:8])
        stream.scale, stream.rate, stream.length = _u32(data, 20), _u32(data, 24), _u32(data, 32)
        stream.length = 0 if stream.length == _UNWRITTEN_LENGTH else stream.length
        header.streams.append(stream)
    elif not chunk.kind.strip().isalnum():
        header.understood = False
    elif header.streams:
        _read_stream_chunk(reader, chunk, data, header.streams[-1])


def _read_stream_chunk(reader: Reader, chunk: _Chunk, data: bytes, stream: _Stream) -> None:
    if chunk.kind == b"strf" and not stream.format:
        stream.format = _read_format(reader, chunk)
    elif chunk.kind == b"vprp":
        stream.aspect = _pixel_aspect(data[:36])
    elif chunk.kind == b"indx":
        stream.parts = _read_super_index(reader, chunk)


def _read_super_index(reader: Reader, chunk: _Chunk) -> list[tuple[int, int]]:
    """Return the end of each part of the media data and the number of its frames (OpenDML 1.02, 3.0)."""
    head = reader.read(chunk.body, _SUPER_INDEX_HEADER)
    entries = chunk.body + _SUPER_INDEX_HEADER
    count = min(_u32(head, 4), (chunk.end - entries) // _SUPER_INDEX_ENTRY, _MAX_PARTS)
    if head[3:4] != b"\0" or count <= 0:
        return []
    reader.spending.count_work(count // ROWS_A_UNIT)
    rows = struct.iter_unpack("<QII", reader.read(entries, count * _SUPER_INDEX_ENTRY))
    return [(offset + size, frames) for offset, size, frames in rows if offset]


def _read_format(reader: Reader, strf: _Chunk) -> bytes:
    form = reader.read(strf.body, min(64, strf.end - strf.body))
    if read_bitmap_info(form).codec in _CONFIGURED:
        form = reader.read(strf.body, min(BITMAP_INFO + bitstream.MAX_CONFIG, strf.end - strf.body))
    return form


def _pixel_aspect(vprp: bytes) -> Fraction | None:
    """Return the pixel aspect ratio that the frame's aspect ratio and size give (OpenDML 1.02, 5.0).

    The aspect ratio is two 16-bit numbers with the second first. The size is that of the frame before cropping.
    """
    if len(vprp) < 32:
        return None
    down, across = int.from_bytes(vprp[20:22], "little"), int.from_bytes(vprp[22:24], "little")
    return ratio(across * _u32(vprp, 28), down * _u32(vprp, 24))


def _settle(header: _Header, findings: Findings) -> None:
    """Set tracks and duration. The main header (`avih`) has a frame's microseconds first, and the frames at 16."""
    frame_time, first_riff_frames = _u32(header.main, 0), _u32(header.main, 16)
    longest = Fraction(0)
    for stream in header.streams:
        if stream.has_picture and findings.video is None:
            if frame_time and not _has_rate(stream):
                stream.scale, stream.rate = frame_time, 1_000_000
            findings.video = _video(stream, header.main)
            # Some OpenDML writers count only the first RIFF in `strh`, as in `avih`. Only then use `dmlh`, because
            # FFmpeg adds the packets of an MP3 track to it.
            if _seconds(stream, stream.length) is None:
                stream.length = max(first_riff_frames, header.total_frames)
            elif not 0 < first_riff_frames < stream.length:
                stream.length = max(stream.length, header.total_frames)
        elif stream.kind == b"auds" and findings.audio is None:
            findings.audio = _audio(stream)
        if stream.has_picture or stream.kind == b"auds":
            longest = max(longest, _seconds(stream, stream.length) or Fraction(0))
    findings.duration = longest or None
    findings.duration_source = "header"


def _has_rate(stream: _Stream) -> bool:
    rate = ratio(stream.rate, stream.scale)
    return rate is not None and _MIN_FRAME_RATE <= rate <= _MAX_FRAME_RATE


def _seconds(stream: _Stream, length: int) -> Fraction | None:
    """Return a duration of the stream, or None if it is unknown or implausible."""
    seconds = ratio(length * stream.scale, stream.rate)
    return seconds if seconds is not None and seconds <= _MAX_SECONDS else None


def _video(stream: _Stream, main: bytes) -> Video:
    """Return the values of `strf`, or without it the codec of `strh` and the size of `avih`."""
    info = read_bitmap_info(stream.format)
    video = Video(codec=info.codec, width=info.width, height=info.height, vfr=False)
    if stream.kind in _INTERLEAVED:
        video.codec, video.width = "dvvideo", 0
    elif video.codec is None and any(stream.handler):
        video.codec = codecs.avi_video(stream.handler)
    if video.width <= 0 or video.height <= 0:
        video.width, video.height = _u32(main, 32), _u32(main, 36)
    video.sar, video.frame_rate = stream.aspect, ratio(stream.rate, stream.scale)
    bitstream.apply(bitstream.configuration(info.codec, stream.format[BITMAP_INFO:]), video)
    return video


def _apply_dv(reader: Reader, header: _Header, at: int, findings: Findings) -> None:
    """Take size, aspect ratio and, of DV type 1, the audio from the first DV frame, as FFmpeg does."""
    video = findings.video
    kind = next(stream.kind for stream in header.streams if stream.has_picture)
    for _ in range(_MAX_FRAMES):
        head = reader.read(at, 12)
        if len(head) < 12 or video is None:
            return
        if head[:4] == b"LIST":
            at += 12
            continue
        frame = dv.read_frame(reader.read(at + 8, min(_u32(head, 4), dv.HEAD)))
        if frame is not None:
            video.width, video.height = frame.width, frame.height
            video.sar = video.sar or frame.sar
            if kind in _INTERLEAVED:
                video.frame_rate = video.frame_rate or frame.frame_rate
                findings.audio = frame.audio
            return
        at += 8 + _u32(head, 4) + (head[4] & 1)
        if not reader.has_cached(at, dv.HEAD):
            return


def _check_media(reader: Reader, header: _Header, findings: Findings) -> None:
    """Set `truncated` and `available` from the sizes of the lists, or from the index of all lists."""
    media = header.media
    parts = max((stream.parts for stream in header.streams), key=len, default=[])
    missing = [part for part in parts if part[0] > reader.size]
    if media is None:
        findings.truncated = header.understood
        return
    # Only the index follows the media data, so the size of the first list says nothing about them.
    findings.truncated = media.cut or bool(missing)
    if not findings.truncated:
        return
    stop, share = media.stop, Fraction(1)
    first_riff_frames = _u32(header.main, 16)
    if 0 < first_riff_frames < header.total_frames:
        share = Fraction(first_riff_frames, header.total_frames)
    if len(parts) > 1:
        stop, share = parts[-1][0], Fraction(1)
    if stop > media.body:
        findings.available = Fraction(reader.size - media.body, stop - media.body) * share


def _audio(stream: _Stream) -> Audio:
    form = read_wave_format(stream.format)
    return Audio(form.codec, form.channels, form.sample_rate)


def _u32(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "little")
