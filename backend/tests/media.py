"""Creates small videos with ffmpeg for tests.

They show a test pattern and play a tone. `pad_to` extends a video to any size as a sparse file.
"""

from __future__ import annotations

import itertools
import random
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

Container = Literal["mp4", "mov", "avi", "webm", "mkv"]
Rotation = Literal[0, 90, 180, 270]
Layout = Literal["moov_first", "moov_last", "fragmented"]

CONTAINERS: tuple[Container, ...] = ("mp4", "mov", "avi", "webm", "mkv")

_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
_VP8 = ("-c:v", "libvpx", "-deadline", "good", "-cpu-used", "5", "-b:v", "500k")
_MPEG4 = ("-c:v", "mpeg4", "-q:v", "8")
_VIDEO: dict[Container, tuple[str, ...]] = {
    "mp4": _H264,
    "mov": _H264,
    "avi": _MPEG4,
    "webm": _VP8,
    "mkv": _H264,
}
_AUDIO: dict[Container, tuple[str, ...]] = {
    "mp4": ("-c:a", "aac"),
    "mov": ("-c:a", "aac"),
    "avi": ("-c:a", "libmp3lame"),
    "webm": ("-c:a", "libopus"),
    "mkv": ("-c:a", "aac"),
}
_LAYOUT: dict[Layout, tuple[str, ...]] = {
    "moov_first": ("-movflags", "+faststart"),
    "moov_last": (),
    "fragmented": ("-movflags", "+frag_keyframe+empty_moov+default_base_moof"),
}


def have_ffmpeg() -> bool:
    return shutil.which("ffmpeg") is not None


def make_video(
    path: Path,
    container: Container = "mp4",
    seconds: float = 1.0,
    width: int = 320,
    height: int = 240,
    fps: float | str = 30,
    audio: bool = True,
    *,
    layout: Layout = "moov_last",
    rotation: Rotation = 0,
    size_bytes: int | None = None,
    options: Sequence[str] = (),
) -> Path:
    """Create a video. `options` override those of ffmpeg. `size_bytes` pads the file to that size."""
    command = ["-f", "lavfi", "-i", f"testsrc=size={width}x{height}:rate={fps}:duration={seconds}"]
    if audio:
        command += ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}"]
    # Cameras write a key frame about each second. Fragments and clusters begin there.
    command += [*_VIDEO[container], "-force_key_frames", "expr:gte(t,n_forced)"]
    command += _AUDIO[container] if audio else ()
    command += _LAYOUT[layout] if container in ("mp4", "mov") else ()
    command += options
    run_ffmpeg(*command, "-f", _muxer(container), str(path))
    if rotation:
        rotate(path, rotation)
    if size_bytes is not None:
        pad_to(path, container, size_bytes)
    return path


def rotate(path: Path, rotation: Rotation) -> Path:
    """Set the display matrix in `tkhd` (14496-12, 8.3.2) of the first track, as a rotated phone does.

    The meaning of ffmpeg's options for it changed between versions.
    """
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd") + 4
    if data[header] != 0:
        raise ValueError("only tkhd version 0 is supported")
    at = header + 40
    width, height = struct.unpack_from(">II", data, at + 36)
    one, turn = (
        1 << 16,
        {
            0: (1, 0, 0, 1, 0, 0),
            90: (0, 1, -1, 0, height, 0),
            180: (-1, 0, 0, -1, width, height),
            270: (0, -1, 1, 0, 0, width),
        }[rotation],
    )
    a, b, c, d, x, y = turn
    struct.pack_into(">9i", data, at, a * one, b * one, 0, c * one, d * one, 0, x, y, 1 << 30)
    path.write_bytes(data)
    return path


def make_portrait_phone_video(path: Path, seconds: float = 1.0) -> Path:
    """Create a video coded as 1920 x 1080 and displayed as 1080 x 1920, with `moov` last, as phones do."""
    return make_video(path, "mov", seconds, 1920, 1080, 30, rotation=90)


def make_fragmented_mp4(path: Path, seconds: float = 3.0, *, index: bool = True, width: int = 320) -> Path:
    """Create an MP4 as OBS and browsers record it, or, without `index`, as after a crash (no `mfra`)."""
    make_video(path, "mp4", seconds, width, width * 3 // 4, layout="fragmented")
    if not index:
        data = path.read_bytes()
        size = int.from_bytes(data[-4:], "big")
        if data[-12:-8] != b"mfro":
            raise ValueError("ffmpeg wrote no mfra")
        path.write_bytes(data[:-size])
    return path


def make_live_webm(path: Path, seconds: float = 3.0, *, width: int = 320, audio: bool = True) -> Path:
    """Create a WebM as MediaRecorder does, without Duration, Cues and DefaultDuration, with unknown sizes."""
    plain = path.with_name(f"{path.stem}.plain{path.suffix}")
    make_video(plain, "webm", seconds, width, width * 3 // 4, audio=audio)
    path.write_bytes(as_live_recording(plain.read_bytes()))
    plain.unlink()
    return path


def as_live_recording(webm: bytes) -> bytes:
    """Remove the values that a recorder does not know while it writes."""
    out = bytearray()
    for element, payload, raw in _elements(webm):
        if element != _SEGMENT:
            out += raw
            continue
        out += _SEGMENT + _UNKNOWN_SIZE
        for child, content, whole in _elements(payload):
            if child == _INFO:
                out += _element(_INFO, b"".join(r for i, _, r in _elements(content) if i != _DURATION))
            elif child == _TRACKS:
                out += _element(_TRACKS, b"".join(_live_track(i, p, r) for i, p, r in _elements(content)))
            elif child == _CLUSTER:
                out += _CLUSTER + _UNKNOWN_SIZE + content
            elif child not in (_SEEK_HEAD, _CUES, _VOID, _TAGS):
                out += whole
    return bytes(out)


_SEGMENT, _SEEK_HEAD = b"\x18\x53\x80\x67", b"\x11\x4d\x9b\x74"
_INFO, _TRACKS = b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b"
_CLUSTER, _CUES, _TAGS, _VOID = b"\x1f\x43\xb6\x75", b"\x1c\x53\xbb\x6b", b"\x12\x54\xc3\x67", b"\xec"
_DURATION, _TRACK_ENTRY, _DEFAULT_DURATION = b"\x44\x89", b"\xae", b"\x23\xe3\x83"
_UNKNOWN_SIZE = b"\x01" + b"\xff" * 7


def _live_track(element: bytes, payload: bytes, raw: bytes) -> bytes:
    if element != _TRACK_ENTRY:
        return raw
    return _element(element, b"".join(r for i, _, r in _elements(payload) if i != _DEFAULT_DURATION))


def _element(element: bytes, payload: bytes) -> bytes:
    return element + (len(payload) | 1 << 56).to_bytes(8, "big") + payload


def _elements(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Return ID, payload and all bytes of each EBML element of one level."""
    found, at = [], 0
    while at < len(data):
        id_end = at + 9 - data[at].bit_length()
        length = 9 - data[id_end].bit_length()
        ones = (1 << (7 * length)) - 1
        size = int.from_bytes(data[id_end : id_end + length], "big") & ones
        start = id_end + length
        end = len(data) if size == ones else start + size
        found.append((data[at:id_end], data[start:end], data[at:end]))
        at = end
    return found


def repeat(
    source: Path, target: Path, times: int, container: Container, layout: Layout = "moov_last"
) -> Path:
    """Repeat a video without encoding it again, which creates hours of video in seconds."""
    run_ffmpeg(
        *("-stream_loop", str(times - 1), "-i", str(source), "-c", "copy"),
        *(_LAYOUT[layout] if container in ("mp4", "mov") else ()),
        *("-f", _muxer(container), str(target)),
    )
    return target


def pad_to(path: Path, container: Container, size_bytes: int) -> Path:
    """Extend a video to this size with a box that players skip. The file is sparse, so 2 GiB take no space."""
    spare = size_bytes - path.stat().st_size
    if spare == 0:
        return path
    if spare < 16 or (container == "avi" and spare - 8 >= 1 << 32):
        raise ValueError("the video cannot be padded to that size")
    if container in ("mp4", "mov"):
        header = (1).to_bytes(4, "big") + b"free" + spare.to_bytes(8, "big")
    elif container == "avi":
        header = b"JUNK" + (spare - 8).to_bytes(4, "little")
    else:
        header = _VOID + (spare - 9 | 1 << 56).to_bytes(8, "big")
    with path.open("r+b") as file:
        file.seek(0, 2)
        file.write(header)
        file.truncate(size_bytes)
    return path


def pad_with_noise(path: Path, container: Container, size_bytes: int) -> Path:
    """Extend a video like `pad_to`, but with random bytes, so that no two ranges are equal."""
    begin = path.stat().st_size + 16
    pad_to(path, container, size_bytes)
    noise = random.Random(size_bytes).randbytes(1 << 20)  # noqa: S311  # the same at every run
    with path.open("r+b") as file:
        file.seek(begin)
        for number in itertools.count():
            block = number.to_bytes(8, "big") + noise
            if file.write(block[: size_bytes - file.tell()]) < len(block):
                break
    return path


def run_ffmpeg(*arguments: str) -> None:
    """Run ffmpeg with one thread and exact flags, so that every run writes the same bytes."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1", *arguments[:-1]]
    command += ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact", arguments[-1]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"ffmpeg failed: {done.stderr.strip()[-500:]}")


def _muxer(container: Container) -> str:
    return "matroska" if container == "mkv" else container
