"""Reads the `hdrl` list of AVI and OpenDML files, which are little-endian RIFF chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from mediaprobe.errors import NoVideoTrack, Truncated, Unreadable
from mediaprobe.findings import Audio, Findings, Video, ratio
from mediaprobe.reader import Reader
from mediaprobe.riff import read_bitmap_info, read_wave_format

_MAX_CHUNKS = 4096
_MAX_STREAMS = 256


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
    first_riff_frames = total_frames = 0
    for chunk in _chunks(reader, header.body, header.end):
        if chunk.kind == b"avih":
            first_riff_frames = _u32(reader.read(chunk.body, min(20, chunk.end - chunk.body)), 16)
        elif chunk.kind == b"strl" and len(streams) < _MAX_STREAMS:
            streams.append(_read_stream(reader, chunk))
        elif chunk.kind == b"odml":
            for inner in _chunks(reader, chunk.body, chunk.end):
                if inner.kind == b"dmlh":
                    total_frames = _u32(reader.read(inner.body, 4), 0)
    _settle(streams, first_riff_frames, total_frames, findings)


def _read_stream(reader: Reader, strl: _Chunk) -> _Stream:
    stream = _Stream()
    for chunk in _chunks(reader, strl.body, strl.end):
        if chunk.kind == b"strh":
            head = reader.read(chunk.body, min(48, chunk.end - chunk.body))
            stream.kind = head[:4]
            stream.scale, stream.rate = _u32(head, 20), _u32(head, 24)
            stream.length = _u32(head, 32)
        elif chunk.kind == b"strf":
            stream.format = reader.read(chunk.body, min(64, chunk.end - chunk.body))
        elif chunk.kind == b"vprp":
            stream.aspect = _frame_aspect(reader.read(chunk.body, min(36, chunk.end - chunk.body)))
    return stream


def _frame_aspect(vprp: bytes) -> Fraction | None:
    """Return the aspect ratio of the frame, two 16-bit numbers with the second first (OpenDML 1.02, 5.0)."""
    if len(vprp) < 24:
        return None
    return ratio(int.from_bytes(vprp[22:24], "little"), int.from_bytes(vprp[20:22], "little"))


def _settle(streams: list[_Stream], first_riff_frames: int, total_frames: int, findings: Findings) -> None:
    longest = Fraction(0)
    for stream in streams:
        length = stream.length
        if stream.kind == b"vids" and findings.video is None:
            findings.video = _video(stream)
            # Some OpenDML writers count only the first RIFF in `strh`, as in `avih`. Only then use `dmlh`, because
            # FFmpeg adds the packets of an MP3 track to it.
            if not 0 < first_riff_frames < length:
                length = max(length, total_frames)
        elif stream.kind == b"auds" and findings.audio is None:
            findings.audio = _audio(stream)
        if stream.kind in (b"vids", b"auds") and stream.scale and stream.rate:
            longest = max(longest, Fraction(length * stream.scale, stream.rate))
    findings.duration = longest or None
    findings.duration_source = "header"


def _video(stream: _Stream) -> Video:
    info = read_bitmap_info(stream.format)
    video = Video(codec=info.codec, width=info.width, height=info.height, vfr=False)
    video.frame_rate = ratio(stream.rate, stream.scale)
    if stream.aspect is not None and info.width > 0 and info.height > 0:
        video.sar = stream.aspect * Fraction(info.height, info.width)
    return video


def _audio(stream: _Stream) -> Audio:
    form = read_wave_format(stream.format)
    return Audio(form.codec, form.channels, form.sample_rate)


def _u32(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "little")
