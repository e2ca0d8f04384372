"""Files in which one thing that takes long to read is there thousands of times.

`FLOODS` has the files by name. Those of `KEPT` begin with a picture track, and the flood follows it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import partial

from tests.mediaprobe import builders as b
from tests.mediaprobe.builders import avi, cluster, matroska, moov, one_track
from tests.mediaprobe.hostile import (
    compressed,
    fragment,
    hvcc,
    inflating_header,
    long_hevc_sps,
    run,
    sidx,
    traf,
)

Made = Iterator[tuple[str, Callable[[], bytes]]]

_FRAGMENTED = b.ftyp() + b.fragmented_moov()
_FIRST = b.fragment_header(1, [(1, 0, 9, 9)])
_TRACK = b.video_entry(default_duration=33_333_333)


def _in_sample_entries() -> Made:
    for name, box in (
        ("hevc configurations", hvcc(long_hevc_sps(640))),
        ("invalid hevc configurations", hvcc(long_hevc_sps(0))),
        ("invalid avc configurations", b.avcc(b"\x67" + bytes(60))),
        ("long avc configurations", b.avcc(b"\x67\x64\x00\x1e" + b"\xff" * 60_000)),
        ("empty avc configurations", b.avcc(b"\x67\x64\x00\x1e")),
        ("hevc arrays", b.box(b"hvcC", bytes(22) + b"\xff", (b"\x20\xff\xff" + bytes(250)) * 250)),
        ("colours", b.box(b"colr", b"nclx" + bytes(7))),
        ("decoder descriptors", b.esds()),
        ("protection schemes", b.box(b"sinf", b.box(b"free") * 9)),
    ):
        yield f"{name} in a sample entry", partial(_flooded, box, 1)
        yield f"{name} in 20 tracks", partial(_flooded, box, 20)
        yield f"{name} in a compressed header", partial(_flooded_compressed, box)
    yield "audio descriptors", lambda: _with_audio(b.esds() * 100_000)
    yield "audio descriptors in waves", lambda: _with_audio(b.box(b"wave", b.esds() * 200) * 500)
    yield "waves in waves", lambda: _with_audio(b.box(b"wave", b.box(b"wave", b.esds() * 200) * 500))


def _flooded(box: bytes, tracks: int) -> bytes:
    entry = b.visual_entry(b"hvc1", 640, 360, box * min(4000, 4_000_000 // len(box)))
    return moov(b.mvhd(1), b.trak(1, b"vide", entry, 90000, [(300, 3000)], tables=False) * tracks)


def _flooded_compressed(box: bytes) -> bytes:
    return compressed(_flooded(box, 1)[len(b.ftyp()) :])


def _with_audio(children: bytes) -> bytes:
    entry = b.audio_entry(b"mp4a", 2, 48000, children)
    return moov(b.mvhd(1), b.video_trak(1), b.trak(2, b"soun", entry, 48000, [(1, 1024)], tables=False))


def _in_headers() -> Made:
    free = b.box(b"free")
    header = inflating_header(4_000_000)[len(b.ftyp()) + 8 :]
    yield "compressed headers", lambda: moov(header * 1000)
    yield (
        "compressed headers at the top level",
        lambda: b.ftyp() + inflating_header(4_000_000)[len(b.ftyp()) :] * 1000,
    )
    yield "compressed headers in tracks", lambda: moov(b.box(b"trak", header) * 1000)
    audio = b.trak(2, b"soun", b.audio_entry(), 48000, [(1, 1)], tables=False)
    yield "boxes after 256 tracks", lambda: moov(b.video_trak(1, tables=False), audio * 255, free * 200_000)
    times = [(1, 3000 + n) for n in range(4096)]
    long = partial(b.trak, 1, b"vide", b.visual_entry(), 90000, times, tables=False)
    yield "256 tracks of 4096 frame durations", lambda: moov(b.mvhd(1), long() * 256)
    edits = b.box(b"edts", b.full_box(b"elst", 0, 0))
    yield "edit lists", lambda: moov(b.box(b"trak", b.tkhd(1), edits * 300_000))
    yield "movie headers", lambda: moov(b.mvhd(1) * 300_000)
    extends = b.full_box(b"trex", 0, 0, struct.pack(">IIIII", 1, 1, 9, 9, 9))
    yield "track extends", lambda: moov(b.video_trak(1), b.box(b"mvex", extends * 200_000))


def _in_media() -> Made:
    """Yield files whose header is missing, and whose media data has its four letters everywhere."""
    media = b.ftyp() + b.box(b"xxxx", bytes(300_000))
    yield "headers without end", lambda: media + b"\0\0\0\x08moov" * 1_000_000
    header = b.box(b"moov", b.box(b"free") * 40)
    yield "headers without tracks", lambda: media + header * 20_000
    tracks = b.id_bytes(0x1654AE6B) + b"\x84\xec\x80\xec\x80"
    yield "lists of tracks without a track", lambda: matroska(b"\xf0\x80" * 10, tracks * 500_000)


def _in_fragments() -> Made:
    durations = struct.pack(">200000I", *range(1000, 201_000))
    yield "200,000 frame durations", lambda: fragment(traf(run(200_000, 0x100, durations)))
    yield "tracks in a fragment", lambda: fragment(*[traf(run(1), track=n) for n in range(200_000)])
    many = [traf(run(1), track=n) for n in range(8000)]
    yield "fragments after one of many tracks", lambda: fragment(*many) + b.box(b"moof") * 20_000
    yield "runs of one frame", lambda: fragment(*[traf(run(1, 0x100, b"\0\0\0\1"))] * 200_000)
    index = sidx(12_288, b"\0\0\0\1" * 3 * 12_288)
    yield "segment indexes", lambda: _FRAGMENTED + index * 16 + _FIRST
    start = _FRAGMENTED + _FIRST + b.box(b"mdat", bytes(300_000))
    chain = b.box(b"moof", b.full_box(b"mfhd", 0, 0, bytes(4))) + b.box(b"free") * 62 + b.box(b"xxxx")
    yield "fragments followed by other boxes", lambda: start + chain * 2000
    tfra = b.full_box(b"tfra", 1, 0, struct.pack(">III", 1, 0, 1), struct.pack(">QQBBB", 1, 1, 1, 1, 1))
    mfro = b.full_box(b"mfro", 0, 0, struct.pack(">I", 8 + len(tfra) * 40_000 + 16))
    yield "random access tables", lambda: start + b.box(b"mfra", tfra * 40_000, mfro)


def _in_matroska() -> Made:
    private = b.element(0x63A2, bytes(22) + b"\xff" + (b"\x20\xff\xff" + bytes(250)) * 250)
    entry = b.element(0xAE, b.uint(0x83, 1), b.element(0x86, b"V_MPEGH/ISO/HEVC"), private)
    yield "tracks with 64 KiB of configuration", lambda: matroska(b.tracks(entry * 256), cluster())
    yield "configurations in a track", lambda: matroska(b.tracks(b.element(0xAE, private * 300)), cluster())
    quicktime = b.visual_entry(b"hvc1", 640, 360, hvcc(long_hevc_sps(0)) * 75)
    private = b.element(0x86, b"V_QUICKTIME") + b.element(0x63A2, quicktime)
    entry = b.element(0xAE, b.uint(0x83, 1), private)
    yield "configurations in a QuickTime entry", lambda: matroska(b.tracks(entry * 256), cluster())
    for name, flood in (
        ("voids", b"\xec\x80" * 500_000),
        ("picture sizes", b.element(0xE0, b.uint(0xB0, 640)) * 200_000),
        ("picture sizes in one element", b.element(0xE0, b.uint(0xB0, 640) * 200_000)),
        ("colours", b.element(0xE0, b.element(0x55B0, b.uint(0x55B1, 1)) * 200_000)),
        ("audio formats", b.element(0xE1, b.real(0xB5, 48000.0)) * 200_000),
        ("block additions", b.element(0x41E4, b.uint(0x41E7, 1)) * 200_000),
    ):
        tracks = b.tracks(_TRACK, b.element(0xAE, flood))
        yield f"{name} in a matroska track", partial(matroska, tracks, cluster())
    seek = b.element(0x4DBB, b.element(0x53AB, b.id_bytes(0x1654AE6B)), b.uint(0x53AC, 0))
    yield "seeks", lambda: matroska(b.element(0x114D9B74, seek * 100_000))
    yield "seek heads", lambda: matroska(b.element(0x114D9B74, seek) * 100_000)
    times = b"".join(b.element(0xA3, struct.pack(">BHB", 0x81, n * n % 65536, 0x80)) for n in range(100_000))
    for name, blocks in (
        ("block groups", b.element(0xA0, b.element(0xA1, b"\x81\0\0\x80"), b.uint(0x9B, 1)) * 200_000),
        ("laced blocks", b.element(0xA3, b"\x81\0\0\x06\xff" + bytes(300)) * 60_000),
        ("voids", b"\xec\x80" * 900_000),
        ("blocks at many times", times),
    ):
        media = cluster(blocks)
        yield f"{name} in a live recording", partial(matroska, b.info(None), b.tracks(_TRACK), media)
        yield f"{name} without frame rate", partial(matroska, b.info(9.0), b.tracks(b.video_entry()), media)


def _in_avi() -> Made:
    stream = b.avi_stream(b"vids", 1, 30, 9, b.bitmap_info())
    header = b.chunk(b"strh", bytes(48))
    yield "chunks after a stream", lambda: avi(stream, b.chunk(b"JUNK") * 1_000_000)
    yield "stream headers", lambda: avi(stream, b.chunks(b"LIST", b"strl", header * 200_000))
    yield "streams", lambda: avi(stream * 100_000)
    index = struct.pack("<HBBI16x", 4, 0, 0, 1 << 20) + struct.pack("<QII", 1, 1, 1) * 4000
    yield "indexes of a stream", lambda: avi(stream, b.chunk(b"indx", index) * 300)


FLOODS = dict(
    [*_in_sample_entries(), *_in_headers(), *_in_media(), *_in_fragments(), *_in_matroska(), *_in_avi()]
)

_FREE = b.box(b"free") * 200_000
_VOID = b"\xec\x80" * 400_000
_FILM = b.mvhd(1) + b.video_trak(1, tables=False)

KEPT: dict[str, Callable[[], bytes]] = {
    "boxes after the tracks": lambda: moov(_FILM, _FREE),
    "boxes in a track": lambda: moov(b.box(b"trak", b.video_trak(1, tables=False)[8:], _FREE)),
    "boxes in a sample table": lambda: one_track(b.visual_entry(), _FREE),
    "boxes in another track": lambda: moov(_FILM, b.box(b"trak", _FREE)),
    "boxes in a compressed header": lambda: compressed(b.box(b"moov", _FILM, _FREE)),
    "invalid configurations": lambda: one_track(
        b.visual_entry(b"hvc1", 640, 360, hvcc(long_hevc_sps(0)) * 200)
    ),
    "runs of a fragment": lambda: fragment(traf(run(1) * 200_000)),
    "elements after the picture size": lambda: matroska(
        b.tracks(b.video_entry(shape=b.uint(0xB0, 640) + b.uint(0xBA, 360) + _VOID))
    ),
    "elements in another track": lambda: matroska(b.tracks(_TRACK, b.element(0xAE, _VOID)), cluster()),
    "chunks after a stream": lambda: avi(
        b.avi_stream(b"vids", 1, 30, 9, b.bitmap_info()), b.chunk(b"JUNK") * 300_000
    ),
    "elements after the tracks": lambda: matroska(b.tracks(_TRACK), _VOID, cluster()),
    "elements in a cluster": lambda: matroska(b.info(None), b.tracks(b.video_entry()), cluster(_VOID)),
}
