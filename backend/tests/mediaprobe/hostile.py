"""Files that mislead a reader, exhaust it or make it open other files, each with its allowed results."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.mediaprobe import builders as b
from tests.mediaprobe.builders import avi, cluster, matroska, moov, one_track

READY = "ready"
UNSUPPORTED, NO_VIDEO, TRUNCATED, BUDGET = (
    "unsupported_container",
    "no_video_track",
    "truncated",
    "budget_exceeded",
)


@dataclass(frozen=True)
class Hostile:
    name: str
    make: Callable[[], bytes]
    ends: frozenset[str]


def given(data: bytes) -> Callable[[], bytes]:
    """Wrap data that is already built. Large files are built only when their test runs."""
    return lambda: data


def nested(kind: bytes, depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = b.box(kind, data)
    return data


def external_reference() -> bytes:
    """Return a film with `dref` entries of a file, a URL (14496-12, 8.7.2) and a QuickTime alias."""
    urls = [
        b.full_box(b"url ", 0, 0, b"file:///etc/passwd\0"),
        b.full_box(b"url ", 0, 0, b"http://127.0.0.1:9/canary.mp4\0"),
        b.full_box(b"urn ", 0, 0, b"urn:x\0/etc/passwd\0"),
        b.full_box(b"alis", 0, 0, bytes(64) + b"/etc/passwd"),
    ]
    dref = b.full_box(b"dref", 0, 0, struct.pack(">I", len(urls)), *urls)
    film = b.video_trak(10)
    return moov(b.mvhd(10_000), film.replace(b.box(b"dinf"), b.box(b"dinf", dref))) + b.box(
        b"mdat", bytes(16)
    )


def reference_movie() -> bytes:
    target = b.full_box(b"rdrf", 0, 0, b"url ", struct.pack(">I", 30), b"http://127.0.0.1:9/canary.mov\0")
    return moov(b.mvhd(0), b.box(b"rmra", b.box(b"rmda", target)))


def inflating_header(unpacked: int) -> bytes:
    """Return a `cmov` of a few KiB that inflates to this many bytes."""
    packed = zlib.compress(b.box(b"moov", b.mvhd(1000), b.box(b"free", bytes(unpacked))), 9)
    return moov(b.box(b"cmov", b.box(b"dcom", b"zlib"), b.box(b"cmvd", struct.pack(">I", unpacked), packed)))


def header_in_header() -> bytes:
    """Return a `cmov` inside a `cmov`, 20 levels deep."""
    inner = b.box(b"moov", b.mvhd(1000), b.video_trak(1))
    for _ in range(20):
        packed = b.box(b"cmvd", struct.pack(">I", len(inner)), zlib.compress(inner))
        inner = b.box(b"moov", b.box(b"cmov", b.box(b"dcom", b"zlib"), packed))
    return b.ftyp() + inner


def repeated_fragments(count: int) -> bytes:
    """Return this many tiny fragments without decode times."""
    run = b.full_box(b"trun", 0, 0, struct.pack(">I", 1))
    traf = b.box(b"traf", b.full_box(b"tfhd", 0, 0, struct.pack(">I", 1)), run)
    return b.ftyp() + b.fragmented_moov() + b.box(b"moof", traf) * count


def fragment(*trafs: bytes) -> bytes:
    return b.ftyp() + b.fragmented_moov() + b.box(b"moof", *trafs) + b.box(b"mdat", bytes(64))


def traf(*runs: bytes, flags: int = 0, fields: bytes = b"", track: int = 1) -> bytes:
    return b.box(b"traf", b.full_box(b"tfhd", 0, flags, struct.pack(">I", track), fields), *runs)


def hevc_entry(sps: bytes) -> bytes:
    return b.visual_entry(b"hvc1", 640, 360, hvcc(sps))


def long_hevc_sps(width: int) -> bytes:
    """Return an SPS with every scaling list and 64 sets of 32 pictures, which takes the most steps for its bytes."""
    size = b.unsigned_golomb(0, 1, width, 360) + "0"
    lists = "11" + "1" * (6 * 17 + 6 * 65 + 8 * 66)
    pictures = b.unsigned_golomb(16, 16) + "11" * 32
    sets = "000" + b.unsigned_golomb(64) + pictures + ("0" + pictures) * 63
    bits = "0" * 8 + "1" * 96 + size + "11" + b.unsigned_golomb(4) + "0" + "1" * 9 + lists + sets
    return b"\x42\x01" + b.packed_bits(bits)


def hvcc(sps: bytes) -> bytes:
    return b.box(*b.configuration("hevc", sps))


def compressed(header: bytes) -> bytes:
    packed = b.box(b"cmvd", struct.pack(">I", len(header)), zlib.compress(header, 9))
    return moov(b.box(b"cmov", b.box(b"dcom", b"zlib"), packed))


def many_tracks(count: int) -> bytes:
    """Return tracks with a long sequence header and a long table of frame times."""
    sps = b"\x67\x64\x00\x1e" + b"\xff" * 4000
    entry = b.visual_entry(b"avc1", 640, 360, b.avcc(sps))
    track = b.trak(1, b"vide", entry, 90000, [(1, 3000 + n % 7) for n in range(1000)], tables=False)
    return moov(b.mvhd(1000), track * count)


def looped_mfra() -> bytes:
    """Return an `mfra` with offsets to itself, to the start and past the end."""
    rows = b"".join(struct.pack(">QQBBB", n, at, 1, 1, 1) for n, at in enumerate((0, 1 << 60, 40, 1000)))
    tfra = b.full_box(b"tfra", 1, 0, struct.pack(">III", 1, 0, 4), rows)
    size = struct.pack(">I", 8 + len(tfra) + 16)
    whole = (
        b.ftyp()
        + b.fragmented_moov()
        + b.fragment_header(1, [(1, 0, 30, 3000)])
        + b.box(b"mdat", bytes(300_000))
    )
    return whole + b.box(b"mfra", tfra, b.full_box(b"mfro", 0, 0, size))


def seek_loop() -> bytes:
    """Return a SeekHead whose Tracks entry has the offset of the SeekHead."""
    seek = b.element(0x4DBB, b.element(0x53AB, b.id_bytes(0x1654AE6B)), b.uint(0x53AC, 0))
    return matroska(b.element(0x114D9B74, seek), b.info(1000.0), cluster())


ABSURD = (0x7FFFFFFF, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
_TRACK = b.video_entry(default_duration=33_333_333)
_ANY = frozenset({READY, UNSUPPORTED, NO_VIDEO, TRUNCATED, BUDGET})


def _texts() -> Iterator[Hostile]:
    """Yield documents that make FFmpeg and other readers open other files."""
    texts = {
        "hls playlist": b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:2,\nhttp://127.0.0.1:9/a.ts\nfile:///etc/passwd\n",
        "dash manifest": b'<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1:9/</BaseURL></MPD>',
        "concat script": b"ffconcat version 1.0\nfile /etc/passwd\nfile 'a.mkv'\n",
        "sdp": b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nm=video 5004 RTP/AVP 96\r\n",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "smil": b'<smil><body><video src="http://127.0.0.1:9/a.mp4"/></body></smil>',
        "asx": b'<asx version="3.0"><entry><ref href="http://127.0.0.1:9/a.mp4"/></entry></asx>',
        "rtsp text": b"RTSPtextRTSP://127.0.0.1:9/canary",
        "pls": b"[playlist]\nFile1=http://127.0.0.1:9/a.mp4\n",
        "zeros": bytes(100_000),
        "ones": b"\xff" * 100_000,
    }
    for name, data in texts.items():
        yield Hostile(name, given(data), frozenset({UNSUPPORTED}))


def _boxes() -> Iterator[Hostile]:
    doubt = frozenset({READY})
    yield Hostile("external references", external_reference, frozenset({READY}))
    yield Hostile("reference movie", reference_movie, frozenset({NO_VIDEO}))
    yield Hostile("moov without tracks", lambda: moov(b.mvhd(1000)), frozenset({NO_VIDEO}))
    yield Hostile("empty moov", lambda: moov(), frozenset({NO_VIDEO}))
    yield Hostile("only ftyp", b.ftyp, frozenset({TRUNCATED}))
    yield Hostile(
        "ftyp and media only", lambda: b.ftyp() + b.box(b"mdat", bytes(5000)), frozenset({TRUNCATED})
    )
    yield Hostile(
        "ftyp then text", lambda: b.ftyp() + b"this is not a box at all\n" * 50, frozenset({TRUNCATED})
    )
    yield Hostile(
        "2 million empty boxes", lambda: b.ftyp() + b.box(b"free") * 2_000_000, frozenset({TRUNCATED})
    )
    yield Hostile(
        "moov of a million empty boxes", lambda: moov(b.box(b"free") * 1_000_000), frozenset({BUDGET})
    )
    yield Hostile(
        "trak of empty boxes", lambda: moov(b.box(b"trak", b.box(b"free") * 100_000)), frozenset({BUDGET})
    )
    yield Hostile("3000 tracks", lambda: moov(b.video_trak(1) * 3000), frozenset({READY}))
    yield Hostile("3000 heavy tracks", lambda: many_tracks(3000), frozenset({READY, BUDGET}))
    yield Hostile("3000 audio tracks", lambda: moov(b.audio_trak(1) * 3000), doubt)
    for kind in (b"moov", b"trak", b"wave", b"sinf", b"meta", b"edts"):
        yield Hostile(
            f"10,000 nested {kind.decode()}", given(moov(nested(kind, 10_000))), frozenset({READY, NO_VIDEO})
        )
    for size in ABSURD:
        header = struct.pack(">I4sQ", 1, b"moov", size)
        yield Hostile(
            f"moov of {size:#x} bytes", given(b.ftyp() + header + bytes(64)), frozenset({READY, TRUNCATED})
        )
    for size in (0, 1, 2, 7):
        header = b.box(b"moov", bytes(64), size=size)
        yield Hostile(f"box of size {size}", given(b.ftyp() + header), frozenset({READY, TRUNCATED}))
    for count in (0xFFFFFFFF, 0x7FFFFFFF, 1 << 20):
        table = b.full_box(b"stts", 0, 0, struct.pack(">I", count), struct.pack(">II", count, 1) * 4)
        yield Hostile(f"stts of {count} runs", given(one_track(b.visual_entry(), table)), frozenset({READY}))
    yield Hostile(
        "frames of duration 0",
        lambda: one_track(b.visual_entry(), b.stts((1000, 0), (5, 0), (1, 4_000_000_000))),
        frozenset({READY}),
    )
    yield Hostile("width of 0", lambda: one_track(b.visual_entry(b"xxxx", 0, 0, b"")), frozenset({READY}))
    yield Hostile(
        "unknown codec", lambda: one_track(b.visual_entry(b"\0\1\2\3", 9, 9, b"")), frozenset({READY})
    )
    yield Hostile("aspect of 1 to 0", lambda: one_track(aspect(1, 0)), frozenset({READY}))
    yield Hostile("aspect of 4 billion", lambda: one_track(aspect(0xFFFFFFFF, 1)), frozenset({READY}))
    yield Hostile(
        "endless avc header",
        lambda: one_track(b.visual_entry(b"avc1", 64, 64, b.avcc(b"\x67" + bytes(9000)))),
        _ANY,
    )
    yield Hostile(
        "endless hevc header", lambda: one_track(hevc_entry(b"\x42\x01" + b"\xff" * 9000)), frozenset({READY})
    )
    yield Hostile("inflating header", lambda: inflating_header(200_000_000), doubt)
    yield Hostile("header in header", header_in_header, doubt)
    yield Hostile("damaged compressed header", lambda: inflating_header(1000)[:-40] + bytes(40), doubt)


def aspect(across: int, down: int) -> bytes:
    return b.visual_entry(b"mp4v", 64, 64, b.box(b"pasp", struct.pack(">II", across, down)))


def _fragments() -> Iterator[Hostile]:
    usable = frozenset({READY})
    yield Hostile("header of fragments only", lambda: b.ftyp() + b.fragmented_moov(), usable)
    yield Hostile("100,000 tiny fragments", lambda: repeated_fragments(100_000), frozenset({READY, BUDGET}))
    yield Hostile("run of 4 billion samples", lambda: fragment(traf(run(0xFFFFFFFF))), usable)
    yield Hostile(
        "run of 4 billion timed samples", lambda: fragment(traf(run(0xFFFFFFFF, 0x100, bytes(64)))), usable
    )
    yield Hostile(
        "samples of 4 billion ticks", lambda: fragment(traf(run(9), flags=8, fields=b"\xff" * 4)), usable
    )
    yield Hostile(
        "ten million timed samples",
        lambda: fragment(*[traf(run(500_000, 0x100, bytes(2_000_000)))] * 20),
        _ANY,
    )
    yield Hostile("100,000 runs", lambda: fragment(traf(run(1) * 100_000)), frozenset({BUDGET}))
    yield Hostile(
        "decode time of all ones",
        lambda: fragment(traf(b.full_box(b"tfdt", 1, 0, b"\xff" * 8), run(9))),
        usable,
    )
    yield Hostile("index with a cycle", looped_mfra, usable)
    yield Hostile(
        "moof everywhere",
        lambda: (
            b.ftyp()
            + b.fragmented_moov()
            + b.fragment_header(1, [(1, 0, 9, 9)])
            + b"\0\0\0\x08moof" * 500_000
        ),
        _ANY,
    )
    yield Hostile(
        "segment index without end",
        lambda: (
            b.ftyp()
            + b.fragmented_moov()
            + sidx(0xFFFF, b"\xff" * 12 * 100)
            + b.fragment_header(1, [(1, 0, 9, 9)])
        ),
        usable,
    )


def run(count: int, flags: int = 0, rows: bytes = b"") -> bytes:
    return b.full_box(b"trun", 0, flags, struct.pack(">I", count), rows)


def sidx(count: int, rows: bytes) -> bytes:
    return b.full_box(b"sidx", 0, 0, struct.pack(">IIIIHH", 1, 1, 0, 0, 0, count), rows)


def _matroska() -> Iterator[Hostile]:
    usable = frozenset({READY})
    for name, value in (
        ("infinity", math.inf),
        ("minus infinity", -math.inf),
        ("nan", math.nan),
        ("1e300", 1e300),
        ("-5", -5.0),
    ):
        yield Hostile(
            f"ebml duration {name}", given(matroska(b.info(value), b.tracks(_TRACK), cluster())), usable
        )
        yield Hostile(
            f"ebml sampling rate {name}",
            given(matroska(b.info(9.0), b.tracks(_TRACK, sampling(value)), cluster())),
            usable,
        )
        yield Hostile(
            f"ebml roll {name}",
            given(matroska(b.info(9.0), b.tracks(rolled(value)), cluster())),
            usable,
        )
    yield Hostile(
        "timestamp scale of all ones",
        lambda: matroska(b.info(9.0, (1 << 64) - 1), b.tracks(_TRACK), cluster()),
        usable,
    )
    yield Hostile("only an ebml header", b.ebml_header, frozenset({TRUNCATED}))
    yield Hostile("empty segment", lambda: matroska(), frozenset({TRUNCATED}))
    yield Hostile("no tracks", lambda: matroska(b.info(9.0), b.tracks(), cluster()), frozenset({NO_VIDEO}))
    yield Hostile(
        "audio only",
        lambda: matroska(b.info(9.0), b.tracks(b.audio_track_entry()), cluster()),
        frozenset({NO_VIDEO}),
    )
    yield Hostile("2 million empty elements", lambda: matroska(b"\xec\x80" * 2_000_000), frozenset({BUDGET}))
    yield Hostile(
        "a million empty clusters",
        lambda: matroska(b.info(None), b.tracks(_TRACK), b"\x1f\x43\xb6\x75\x80" * 1_000_000),
        _ANY,
    )
    yield Hostile(
        "cluster ids everywhere",
        lambda: matroska(b.info(None), b.tracks(_TRACK), cluster(), b"\x1f\x43\xb6\x75" * 1_000_000),
        _ANY,
    )
    yield Hostile(
        "block ids everywhere",
        lambda: matroska(b.info(None), b.tracks(_TRACK), cluster(), b"\xa3" * 4_000_000),
        _ANY,
    )
    yield Hostile(
        "a million tiny blocks",
        lambda: matroska(b.info(None), b.tracks(_TRACK), cluster(b"\xa3\x84\x81\0\0\x80" * 1_000_000)),
        _ANY,
    )
    yield Hostile(
        "3000 tracks in matroska",
        lambda: matroska(b.info(9.0), b.tracks(*[_TRACK] * 3000), cluster()),
        usable,
    )
    yield Hostile("seek head with its own offset", seek_loop, frozenset({TRUNCATED}))
    yield Hostile("deep elements", lambda: matroska(b.tracks(deep(0xAE, 5000)), cluster()), _ANY)
    for size in (1 << 32, (1 << 56) - 2):
        yield Hostile(
            f"tracks of {size:#x} bytes",
            given(matroska(b.element(0x1654AE6B, bytes(64), size=size))),
            _ANY,
        )


def deep(identity: int, depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = b.element(identity, data)
    return data


def sampling(rate: float) -> bytes:
    return b.element(
        0xAE,
        b.uint(0xD7, 2),
        b.uint(0x83, 2),
        b.element(0x86, b"A_OPUS"),
        b.element(0xE1, b.real(0xB5, rate)),
    )


def rolled(angle: float) -> bytes:
    shape = (
        b.uint(0xB0, 640) + b.uint(0xBA, 360) + b.element(0x7670, b.uint(0x7671, 0), b.real(0x7675, angle))
    )
    return b.video_entry(shape=shape)


def _avi() -> Iterator[Hostile]:
    usable = frozenset({READY})
    yield Hostile("hdrl without streams", avi, frozenset({NO_VIDEO}))
    yield Hostile(
        "no hdrl", lambda: b.chunks(b"RIFF", b"AVI ", b.chunks(b"LIST", b"movi")), frozenset({TRUNCATED})
    )
    yield Hostile("only RIFF", lambda: b"RIFF\xff\xff\xff\xffAVI ", frozenset({TRUNCATED}))
    yield Hostile(
        "2 million empty chunks",
        lambda: b.chunks(b"RIFF", b"AVI ", b.chunk(b"JUNK") * 2_000_000),
        frozenset({BUDGET}),
    )
    yield Hostile("rate of 0", lambda: avi(b.avi_stream(b"vids", 0, 0, 0, b.bitmap_info())), usable)
    yield Hostile(
        "length of 4 billion",
        lambda: avi(b.avi_stream(b"vids", 0xFFFFFFFF, 1, 0xFFFFFFFF, b.bitmap_info())),
        usable,
    )
    yield Hostile(
        "height of minus 2 billion",
        lambda: avi(b.avi_stream(b"vids", 1, 30, 9, b.bitmap_info(-1, -(1 << 31)))),
        usable,
    )
    yield Hostile("empty video format", lambda: avi(b.avi_stream(b"vids", 1, 30, 9, b"")), usable)
    yield Hostile(
        "3000 streams", lambda: avi(b.avi_stream(b"vids", 1, 30, 9, b.bitmap_info()) * 3000), usable
    )
    yield Hostile("gab2 subtitles with a playlist", gab2, usable)
    yield Hostile("deep lists", lambda: avi(deep_lists(5000)), frozenset({NO_VIDEO}))


def gab2() -> bytes:
    """Return a subtitle stream that contains an HLS playlist, as in the FFmpeg attack of 2016."""
    playlist = b"GAB2\0\2\0" + b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
    subtitles = b.avi_stream(b"txts", 1, 30, 1, playlist)
    return avi(b.avi_stream(b"vids", 1, 30, 9, b.bitmap_info()), subtitles)


def deep_lists(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = b.chunks(b"LIST", b"strl", data)
    return data


INPUTS = [*_texts(), *_boxes(), *_fragments(), *_matroska(), *_avi()]
