"""Reads the `hdrl` list of AVI and OpenDML files, which are little-endian RIFF chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from mediaprobe import bitstream
from mediaprobe.errors import NoVideoTrack, Truncated, Unreadable
from mediaprobe.findings import Audio, Findings, Video, ratio
from mediaprobe.reader import Reader
from mediaprobe.riff import BITMAP_INFO, read_bitmap_info, read_wave_format

_MAX_CHUNKS = 4096
_MAX_STREAMS = 256
# Codecs whose configuration follows BITMAPINFOHEADER.
_CONFIGURED = frozenset({"h264", "hevc", "av1"})
# A stream's rate outside these limits, and a duration of more than 10 days, are damaged or were never written.
_MIN_FRAME_RATE, _MAX_FRAME_RATE = Fraction(1, 1000), 240
_MAX_SECONDS = 10 * 24 * 3600


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One chunk. The `kind` of a list is its form type, and its body follows that."""

    kind: bytes
    body: int
    end: int
    cut: bool


@dataclass(slots=True)
class _Stream:
    kind: bytes = b""
    scale: int = 0
    rate: int = 0
    length: int = 0
    format: bytes = b""
    aspect: Fraction | None = None


def parse(reader: Reader, findings: Findings) -> None:
    riff = next(_chunks(reader, 0, reader.size), None)
    if riff is None:
        raise Truncated("The file ends before its header. Upload the complete file.")
    findings.truncated = riff.cut
    header: _Chunk | None = None
    media: _Chunk | None = None
    for chunk in _chunks(reader, riff.body, riff.end):
        if chunk.kind == b"hdrl":
            header = chunk
        elif chunk.kind == b"movi":
            media = chunk
        if media is not None:
            break
    if header is None:
        raise Truncated("The file's header (hdrl) is missing. Upload the complete file.")
    findings.truncated = findings.truncated or media is None or media.cut
    _read_header(reader, header, findings)
    if findings.video is None:
        if header.cut:
            raise Truncated("The file's header (hdrl) is cut off. Upload the complete file.")
        raise NoVideoTrack("The file has no video track. Choose a video, not an audio file.")


def _chunks(reader: Reader, start: int, end: int) -> Iterator[_Chunk]:
    for _ in range(_MAX_CHUNKS):
        head = reader.read(start, min(12, end - start))
        if len(head) < 8:
            return
        kind, size, body = head[:4], int.from_bytes(head[4:8], "little"), start + 8
        stop = body + size
        if kind in (b"RIFF", b"LIST"):
            kind, body = head[8:12], start + 12
            # A recorder that was interrupted has not written the size.
            stop = end if size == 0 else stop
        yield _Chunk(kind, body, min(stop, end), cut=stop > end)
        # Chunks are padded to an even size.
        start = stop + (stop & 1)
    raise Unreadable(
        "The file's header contains too many chunks for a real video. Export the video again and upload the new file."
    )


def _read_header(reader: Reader, header: _Chunk, findings: Findings) -> None:
    streams: list[_Stream] = []
    total_frames = 0
    main = b""
    for chunk in _chunks(reader, header.body, header.end):
        if chunk.kind == b"avih":
            main = reader.read(chunk.body, min(20, chunk.end - chunk.body))
        elif chunk.kind == b"strl" and len(streams) < _MAX_STREAMS:
            streams.append(_read_stream(reader, chunk))
        elif chunk.kind == b"odml":
            for inner in _chunks(reader, chunk.body, chunk.end):
                if inner.kind == b"dmlh":
                    total_frames = _u32(reader.read(inner.body, 4), 0)
    _settle(streams, main, total_frames, findings)


def _read_stream(reader: Reader, strl: _Chunk) -> _Stream:
    stream = _Stream()
    for chunk in _chunks(reader, strl.body, strl.end):
        if chunk.kind == b"strh":
            head = reader.read(chunk.body, min(48, chunk.end - chunk.body))
            stream.kind = head[:4]
            stream.scale, stream.rate = _u32(head, 20), _u32(head, 24)
            stream.length = _u32(head, 32)
        elif chunk.kind == b"strf":
            stream.format = _read_format(reader, chunk)
        elif chunk.kind == b"vprp":
            stream.aspect = _pixel_aspect(reader.read(chunk.body, min(36, chunk.end - chunk.body)))
    return stream


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


def _settle(streams: list[_Stream], main: bytes, total_frames: int, findings: Findings) -> None:
    """Set tracks and duration. The main header (`avih`) has a frame's microseconds first, and the frames at 16."""
    frame_time, first_riff_frames = _u32(main, 0), _u32(main, 16)
    longest = Fraction(0)
    for stream in streams:
        if stream.kind == b"vids" and findings.video is None:
            if frame_time and not _has_rate(stream):
                stream.scale, stream.rate = frame_time, 1_000_000
            findings.video = _video(stream)
            # Some OpenDML writers count only the first RIFF in `strh`, as in `avih`. Only then use `dmlh`, because
            # FFmpeg adds the packets of an MP3 track to it.
            if _seconds(stream, stream.length) is None:
                stream.length = max(first_riff_frames, total_frames)
            elif not 0 < first_riff_frames < stream.length:
                stream.length = max(stream.length, total_frames)
        elif stream.kind == b"auds" and findings.audio is None:
            findings.audio = _audio(stream)
        if stream.kind in (b"vids", b"auds"):
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


def _video(stream: _Stream) -> Video:
    info = read_bitmap_info(stream.format)
    video = Video(codec=info.codec, width=info.width, height=info.height, vfr=False)
    video.sar, video.frame_rate = stream.aspect, ratio(stream.rate, stream.scale)
    bitstream.apply(bitstream.configuration(info.codec, stream.format[BITMAP_INFO:]), video)
    return video


def _audio(stream: _Stream) -> Audio:
    form = read_wave_format(stream.format)
    return Audio(form.codec, form.channels, form.sample_rate)


def _u32(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "little")
