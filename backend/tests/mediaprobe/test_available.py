"""How much of a file that ends early is there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mediaprobe import BytesSource, Metadata, probe
from tests.mediaprobe import builders as b
from tests.mediaprobe.conftest import HEADER_FIRST, SAMPLES
from tests.mediaprobe.sources import MIB, SparseSource, measure

SHARES = [5, 40, 50, 95]
MEDIA = 4 * MIB


def cut(whole: SparseSource, begin: int, percent: int, *, end: int | None = None) -> Metadata:
    """Return the metadata of the file without what follows this share of its media data from `begin` on."""
    whole.size = begin + ((end or whole.size) - begin) * percent // 100
    return measure(whole)[0]


def check(found: Metadata, percent: int) -> None:
    assert found.truncated
    assert found.available_percent == pytest.approx(percent, abs=2)
    assert found.width == 640


@pytest.mark.parametrize("percent", SHARES)
def test_header_first(percent: int) -> None:
    whole = b.progressive_mp4(10, MEDIA, moov_first=True)
    check(cut(whole, whole.size - MEDIA, percent), percent)


@pytest.mark.parametrize("percent", [5, 40, 50])
def test_long_header_first_with_bit_rate(percent: int) -> None:
    """The first 64 KiB end before `mdat`, and a third request needs a reason."""
    bit_rate = b.box(b"btrt", bytes(8), (1_000_000).to_bytes(4, "big"))
    entry = b.visual_entry(b"avc1", 640, 360, b.avcc(), bit_rate)
    film = b.trak(1, b"vide", entry, 90000, [(3600 * 30, 3000)], reordered=True)
    moov = b.box(b"moov", b.mvhd(3_600_000), film, b.audio_trak(3600))
    whole = SparseSource().add(b.ftyp() + moov + b.box(b"mdat", size=8 + 450_000_000))
    check(cut(whole, whole.size, percent, end=whole.size + 450_000_000), percent)


def several(*sizes: int, first: int) -> tuple[SparseSource, int]:
    """Return a MOV whose header follows this number of its `mdat`, and where its media data begins."""

    def header(offsets: tuple[int, ...]) -> bytes:
        chunks = b"".join(at.to_bytes(4, "big") for at in offsets)
        table = b.full_box(b"stco", 0, 0, len(offsets).to_bytes(4, "big"), chunks)
        stbl = b.box(b"stbl", b.stsd(b.visual_entry()), b.stts((300, 3000)), table)
        media = b.full_box(
            b"mdhd", 0, 0, bytes(8), (90000).to_bytes(4, "big"), (900000).to_bytes(4, "big"), bytes(4)
        )
        trak = b.box(b"trak", b.tkhd(1), b.box(b"mdia", media, b.hdlr(b"vide"), b.box(b"minf", stbl)))
        return b.box(b"moov", b.mvhd(10_000), trak)

    count = 100
    length = len(header((0,) * count * len(sizes)))
    source, offsets = SparseSource().add(b.ftyp(b"qt  ")), []
    begin = source.size + 8 + (0 if first else length)
    for number, size in enumerate(sizes):
        if number == first:
            place = source.size
            source.skip(length)
        offsets += [source.size + 8 + size * n // count for n in range(count)]
        source.add(b.box(b"mdat", size=8 + size)).skip(size)
    source._pieces.append((place, header(tuple(offsets))))
    return source, begin


@pytest.mark.parametrize("percent", SHARES)
def test_several_media_boxes_after_the_header(percent: int) -> None:
    check(cut(*several(MEDIA, MEDIA, 2 * MEDIA, first=0), percent), percent)


@pytest.mark.parametrize("percent", [40, 50, 95])
def test_header_between_media_boxes(percent: int) -> None:
    check(cut(*several(MEDIA, MEDIA, 2 * MEDIA, first=1), percent), percent)


@pytest.mark.parametrize("percent", SHARES)
@pytest.mark.parametrize("index", ["mehd", "sidx"])
@pytest.mark.parametrize("seconds", [20, 2000], ids=["short", "long"])
def test_fragments(seconds: int, index: str, percent: int) -> None:
    whole = b.fragmented_mp4(seconds, 20_000, fragment_seconds=1, **{index: True})
    begin = next(at for at, piece in whole._pieces if piece[4:8] == b"moof")
    found = cut(whole, begin, percent)
    if (index, percent) == ("mehd", 95):
        assert (
            found.available_percent is None
        )  # 5% less than the first fragment promises is no sign of a loss
        return
    check(found, percent)


def test_fragments_without_stated_duration_have_no_share() -> None:
    whole = b.fragmented_mp4(20, 20_000, fragment_seconds=1)
    begin = next(at for at, piece in whole._pieces if piece[4:8] == b"moof")
    found = cut(whole, begin, 52)
    assert (found.truncated, found.available_percent) == (True, None)


@pytest.mark.parametrize("percent", SHARES)
def test_matroska_with_stated_size(percent: int) -> None:
    whole = b.matroska_with_header(100, 2000)
    begin = next(at for at, piece in whole._pieces if piece[:4] == b.id_bytes(0x1F43B675))
    check(cut(whole, begin, percent), percent)


def recording(seconds: int) -> tuple[SparseSource, int]:
    """Return a recording of unknown size to whose header a tool has added the duration."""
    source = SparseSource().add(b.ebml_header() + b.id_bytes(0x18538067) + b.UNKNOWN)
    source.add(b.info(seconds * 1000.0) + b.tracks(b.video_entry(default_duration=33_333_333)))
    begin = source.size
    for second in range(seconds):
        b.add_cluster(source, second * 1000, 1, 1000)
    return source, begin


@pytest.mark.parametrize("percent", SHARES)
def test_matroska_with_stated_duration(percent: int) -> None:
    check(cut(*recording(60), percent), percent)


def test_whole_matroska_with_stated_duration_is_not_truncated() -> None:
    found = measure(recording(60)[0])[0]
    assert (found.truncated, found.available_percent) == (False, None)


def avi(frames: int, *, sizes: bool = True) -> tuple[SparseSource, int]:
    header = b.avi_header(frames)
    source = SparseSource().add(
        b"RIFF" + (len(header) + MEDIA + 16 if sizes else 0).to_bytes(4, "little") + b"AVI "
    )
    source.add(header + b"LIST" + (MEDIA + 4 if sizes else 0).to_bytes(4, "little") + b"movi")
    begin = source.size
    return source.skip(MEDIA), begin


@pytest.mark.parametrize("percent", SHARES)
def test_avi(percent: int) -> None:
    check(cut(*avi(300), percent), percent)


def test_avi_of_an_interrupted_recorder_is_ready_without_share() -> None:
    found = cut(*avi(300, sizes=False), 40)
    assert (found.width, found.duration_ms, found.available_percent) == (640, 10_000, None)


@pytest.mark.parametrize("percent", SHARES)
def test_opendml_by_its_frames(percent: int) -> None:
    whole = b.opendml_avi(600, MEDIA)
    begin = next(at + len(piece) for at, piece in whole._pieces if piece[-4:] == b"movi")
    found = cut(whole, begin, percent)
    if percent == 95:
        assert found.available_percent is None  # nothing in the first list says where the second one ends
        return
    if percent < 50:
        check(found, percent)


@pytest.mark.parametrize("percent", SHARES)
def test_opendml_by_its_index(percent: int) -> None:
    parts = 3
    rows = b"".join(
        (MEDIA * (n + 1)).to_bytes(8, "little") + (1000).to_bytes(4, "little") + (100).to_bytes(4, "little")
        for n in range(parts)
    )
    index = b.chunk(b"indx", b"\x04\0\0\0" + parts.to_bytes(4, "little") + b"00dc" + bytes(12), rows)
    strh = b.chunk(
        b"strh", b"vidsXVID" + bytes(12) + (1).to_bytes(4, "little") + (30).to_bytes(4, "little") + bytes(24)
    )
    stream = b.chunks(b"LIST", b"strl", strh, b.chunk(b"strf", b.bitmap_info()), index)
    header = b.chunks(b"LIST", b"hdrl", b.chunk(b"avih", bytes(56)), stream)
    source = SparseSource().add(b"RIFF" + (MEDIA).to_bytes(4, "little") + b"AVI " + header)
    source.add(b"LIST" + (MEDIA - 1000).to_bytes(4, "little") + b"movi")
    begin = source.size
    source.skip(MEDIA * parts + 1000 - begin)
    check(cut(source, begin, percent), percent)


def real(name: str) -> Callable[[dict[str, bytes]], tuple[bytes, int]]:
    marks = {"silent": b"mdat", "avi": b"movi", "webm": b"\x1f\x43\xb6\x75", "mkv": b"\x1f\x43\xb6\x75"}
    return lambda samples: (samples[name], samples[name].index(marks[name]) + 4)


@pytest.mark.parametrize("percent", SHARES)
@pytest.mark.parametrize("name", HEADER_FIRST)
def test_real_file(samples: dict[str, bytes], name: str, percent: int) -> None:
    data, begin = real(name)(samples)
    end = data.index(b"idx1") if name == "avi" else len(data)
    found = probe(BytesSource(data[: begin + (end - begin) * percent // 100]))
    assert found.truncated
    assert found.available_percent == pytest.approx(percent, abs=2)


@pytest.mark.parametrize("name", SAMPLES)
def test_whole_file_has_no_share(samples: dict[str, bytes], name: str) -> None:
    found = probe(BytesSource(samples[name]))
    assert (found.truncated, found.available_percent) == (False, None)


def test_file_that_ends_after_its_header_has_nothing() -> None:
    for data in (
        b.moov(b.mvhd(10_000), b.video_trak(10)) + b.box(b"mdat", size=90_000),
        b.matroska(b.info(9000.0), b.tracks(b.video_entry())),
    ):
        found = probe(BytesSource(data))
        assert (found.truncated, found.available_percent) == (True, 0)
