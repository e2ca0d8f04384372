"""Create a 2 GiB video of each layout with ffmpeg's headers and indexes, sparse if the layout allows it.

A small video is encoded once. Copies of it give hours, and holes in the media data give gigabytes. The indexes have
real size and refer to real frames. Reading a hole is cheaper than reading real media, which favours engines that read
media.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from tests import media

KIB = 1024
MIB = 1024 * KIB
SIZE_BYTES = 2048 * MIB
HOURS = 3 * 3600
TEN_MINUTES = 600
MINUTE = 60

# `make_video` forces a key frame each second. The later option overrides it.
_EVERY_2_S = ("-force_key_frames", "expr:gte(t,n_forced*2)", "-b:a", "16k", "-ac", "1")
_NOISE = ("-vf", "noise=alls=20:allf=t")
# Chromium's MediaRecorder writes 2.5 Mbit/s, and a key frame and a cluster every 100 frames.
_AS_CHROMIUM = ("-b:v", "2500k", "-g", "100", "-force_key_frames", "expr:eq(n,0)")

# `as_live_recording` writes a Cluster with an unknown size of eight bytes.
_CLUSTER = b"\x1f\x43\xb6\x75\x01" + b"\xff" * 7
_TIMESTAMP, _VOID = b"\xe7", b"\xec"


@dataclass(frozen=True)
class Video:
    """A file and its true metadata. `piece_bytes` is its largest cluster or fragment if it has no index."""

    path: Path
    seconds: float
    width: int
    height: int
    video_codec: str
    piece_bytes: int = 0


class Workshop:
    """Encodes each source video once, when a layout needs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def h264_minute(self) -> Path:
        return media.make_video(self.folder / "minute.mp4", "mp4", MINUTE, 64, 48, 30, options=_EVERY_2_S)

    @cached_property
    def vp8_minute(self) -> Path:
        options = ("-b:a", "16k", "-ac", "1")
        return media.make_video(self.folder / "minute.webm", "webm", MINUTE, 64, 48, 30, options=options)

    def progressive(
        self, container: media.Container, layout: media.Layout, seconds: int
    ) -> Callable[[], Video]:
        def make() -> Video:
            path = self.folder / f"film.{container}"
            media.repeat(self.h264_minute, path, seconds // MINUTE, container, layout)
            _grow_media_data(path)
            return Video(path, seconds, 64, 48, "h264")

        return make

    def opendml_avi(self) -> Video:
        """Create a file that is not sparse, because its index is spread between the media."""
        seconds = 20
        rate = ("-b:v", "1500k", "-maxrate", "1500k", "-bufsize", "1500k")
        clip = media.make_video(
            self.folder / "clip.avi", "avi", seconds, 640, 360, 30, options=(*_NOISE, *rate)
        )
        times = SIZE_BYTES // clip.stat().st_size
        path = media.repeat(clip, self.folder / "film.avi", times, "avi")
        return Video(path, times * seconds, 640, 360, "mpeg4")

    def matroska_with_header(self, container: media.Container) -> Callable[[], Video]:
        def make() -> Video:
            source = self.vp8_minute if container == "webm" else self.h264_minute
            path = media.repeat(source, self.folder / f"film.{container}", HOURS // MINUTE, container)
            media.pad_to(path, container, SIZE_BYTES)
            return Video(path, HOURS, 64, 48, "vp8" if container == "webm" else "h264")

        return make

    def live_webm(self, *, like_chromium: bool) -> Callable[[], Video]:
        """Write the first clusters, a Void of nearly 2 GiB, and the same clusters again as the last."""

        def make() -> Video:
            seconds = 10
            rate = _AS_CHROMIUM if like_chromium else ("-b:v", "1500k")
            clip = media.make_video(
                self.folder / "clip.webm", "webm", seconds, 640, 360, 30, options=(*_NOISE, *rate)
            )
            head, *clusters = media.as_live_recording(clip.read_bytes()).split(_CLUSTER)
            whole = sum(len(_CLUSTER) + len(cluster) for cluster in clusters)
            total_seconds = SIZE_BYTES * seconds // whole
            path = self.folder / "film.webm"
            with path.open("wb") as file:
                file.write(head)
                for cluster in clusters:
                    file.write(_CLUSTER + cluster)
                # Moved timestamps grow to eight bytes each.
                last = [_moved(cluster, (total_seconds - seconds) * 1000) for cluster in clusters]
                ending = b"".join(_CLUSTER + cluster for cluster in last)
                between = SIZE_BYTES - len(ending) - file.tell() - 9
                file.write(_VOID + (between | 1 << 56).to_bytes(8, "big"))
                file.seek(between, 1)
                file.write(ending)
            piece = max(len(_CLUSTER) + len(cluster) for cluster in last)
            return Video(path, total_seconds, 640, 360, "vp8", piece)

        return make

    def fragmented(self, *, mfra: bool = False, sidx: bool = False) -> Callable[[], Video]:
        """Write three hours in 5,400 fragments of two seconds and 390 KiB."""

        def make() -> Video:
            source, path = self.folder / "dense.mp4", self.folder / "film.mp4"
            flags = "+frag_keyframe+empty_moov+default_base_moof" + ("+dash+global_sidx" if sidx else "")
            media.run_ffmpeg(
                *("-stream_loop", str(HOURS // MINUTE - 1), "-i", str(self.h264_minute), "-c", "copy"),
                *("-movflags", flags, "-f", "mp4", str(source)),
            )
            largest = _spread_fragments(source, path, mfra=mfra)
            source.unlink()
            indexed = mfra or sidx
            return Video(path, HOURS, 64, 48, "h264", 0 if indexed else largest)

        return make


@dataclass(frozen=True)
class _Box:
    kind: bytes
    start: int
    size: int


def _boxes(file: BinaryIO, size: int) -> Iterator[_Box]:
    start = 0
    while start < size:
        file.seek(start)
        length, kind = struct.unpack(">I4s", file.read(8))
        yield _Box(kind, start, length)
        start += length


def _grow_media_data(path: Path) -> None:
    """Extend the file to 2 GiB with a hole at the end of `mdat`, and move boxes after it to the new end."""
    with path.open("r+b") as file:
        size = path.stat().st_size
        mdat = next(box for box in _boxes(file, size) if box.kind == b"mdat")
        file.seek(mdat.start + mdat.size)
        behind = file.read()
        file.truncate(mdat.start + mdat.size)
        file.truncate(SIZE_BYTES - len(behind))
        file.seek(0, 2)
        file.write(behind)
        file.seek(mdat.start)
        file.write((SIZE_BYTES - len(behind) - mdat.start).to_bytes(4, "big"))


def _spread_fragments(source: Path, target: Path, *, mfra: bool) -> int:
    """Copy a fragmented MP4 with a hole at the end of each `mdat`. Return the size of the largest fragment."""
    size = source.stat().st_size
    with source.open("rb") as old, target.open("wb") as new:
        boxes = list(_boxes(old, size))
        hole = (SIZE_BYTES - size) // sum(box.kind == b"mdat" for box in boxes)
        moved: dict[int, int] = {}
        largest = fragment_start = 0
        for box in boxes:
            old.seek(box.start)
            data = bytearray(old.read(box.size))
            if box.kind == b"moof":
                fragment_start = moved[box.start] = new.tell()
            elif box.kind == b"mdat":
                data[:4] = (box.size + hole).to_bytes(4, "big")
            elif box.kind == b"sidx":
                _lengthen_references(data, hole)
            elif box.kind == b"mfra":
                if not mfra:
                    continue
                _move_entries(data, moved)
            new.write(data)
            if box.kind == b"mdat":
                new.seek(hole, 1)
                largest = max(largest, new.tell() - fragment_start)
        new.truncate()
    return largest


def _lengthen_references(sidx: bytearray, by: int) -> None:
    """Patch rows of 12 bytes whose first four are a flag bit and the size (ISO/IEC 14496-12, 8.16.3)."""
    rows = 32 if sidx[8] == 0 else 40
    for at in range(rows, len(sidx), 12):
        struct.pack_into(">I", sidx, at, struct.unpack_from(">I", sidx, at)[0] + by)


def _move_entries(mfra: bytearray, moved: dict[int, int]) -> None:
    """Patch `tfra` rows of a time, the offset of a `moof`, and three numbers of one to four bytes (8.8.10)."""
    at = 8
    while mfra[at + 4 : at + 8] == b"tfra":
        size, wide = struct.unpack_from(">I", mfra, at)[0], mfra[at + 8] == 1
        lengths, count = struct.unpack_from(">II", mfra, at + 16)
        form = ">8xQ" if wide else ">4xI"
        row = struct.calcsize(form) + 3 + sum(lengths >> shift & 3 for shift in (0, 2, 4))
        for entry in range(at + 24, at + 24 + count * row, row):
            offset = struct.unpack_from(form, mfra, entry)[0]
            struct.pack_into(form[0] + form[-1], mfra, entry + (8 if wide else 4), moved[offset])
        at += size


def _moved(cluster: bytes, milliseconds: int) -> bytes:
    """Return a cluster's content, which begins with its Timestamp, that much later."""
    length = cluster[1] & 0x7F
    if cluster[:1] != _TIMESTAMP or not cluster[1] & 0x80:
        raise ValueError("the cluster does not begin with its time")
    time = int.from_bytes(cluster[2 : 2 + length], "big") + milliseconds
    return _TIMESTAMP + b"\x88" + time.to_bytes(8, "big") + cluster[2 + length :]
