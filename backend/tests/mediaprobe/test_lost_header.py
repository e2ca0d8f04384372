"""A header that a walk over the boxes does not find soon, or that is damaged."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from mediaprobe import BytesSource, FileSource, Metadata, NoVideoTrack, Truncated, probe
from tests.mediaprobe import builders as b
from tests.mediaprobe import oracle
from tests.mediaprobe.sources import KIB, MIB, CountingSource, SparseSource, measure

ANY_VALID = 8
FEW_BYTES = 768 * KIB


def header(seconds: int = 10, *, tables: bool = True) -> bytes:
    return b.box(b"moov", b.mvhd(seconds * 1000), b.video_trak(seconds, tables=tables), b.audio_trak(seconds))


def check(found: Metadata, seconds: int = 10) -> None:
    assert (found.width, found.video_codec, found.audio_codec) == (640, "h264", "aac")
    assert found.duration_ms == seconds * 1000
    assert found.metadata_complete


def many_media(count: int, size: int, *after: bytes) -> SparseSource:
    source = SparseSource().add(b.ftyp())
    for _ in range(count):
        source.add(b.box(b"mdat", size=8 + size)).skip(size)
    for data in after:
        source.add(data)
    return source


@pytest.mark.parametrize(
    ("count", "size"), [(40, 100_000), (3000, 80_000), (4500, 7), (30_000, 20), (30_000, 60_000)]
)
def test_finds_header_after_many_media_boxes(count: int, size: int) -> None:
    found, counted = measure(many_media(count, size, header()))
    check(found)
    assert not found.truncated
    assert counted.requests <= ANY_VALID
    assert counted.bytes_read <= FEW_BYTES


def test_finds_header_of_a_long_film_after_many_media_boxes() -> None:
    """The tables of three hours have 11 MB."""
    hours = 3 * 3600
    moov = b.box(b"moov", b.mvhd(hours * 1000), b.video_trak(hours, fps=60), b.audio_trak(hours))
    assert len(moov) > 11 * MIB
    found, counted = measure(many_media(3000, 100_000, moov))
    check(found, hours)
    assert counted.requests <= ANY_VALID


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(bytes(300), id="zeros"),
        pytest.param(b"\xff" * 3000, id="garbage"),
        pytest.param(b.box(b"free", bytes(2 * MIB)), id="free"),
        pytest.param(b.box(b"uuid", bytes(5 * MIB)), id="uuid"),
        pytest.param(b.box(b"udta", bytes(9 * MIB)), id="udta"),
    ],
)
@pytest.mark.parametrize("count", [1, 2000])
def test_finds_header_before_other_data(count: int, after: bytes) -> None:
    found, counted = measure(many_media(count, 100_000, header(), after))
    check(found)
    assert counted.requests <= ANY_VALID


BEFORE = {
    "an empty unknown box": b.box(b"abcd"),
    "an unknown box": b.box(b"abcd", bytes(100)),
    "an empty free box": b.box(b"free"),
    "a box of zeros": bytes(8),
    "a box whose type is no text": b.box(b"\0\1\2\xff", bytes(40)),
    "a size that is too small": b.box(b"abcd", bytes(40), size=7),
    "a size of zero": b.box(b"abcd", bytes(40), size=0),
    "a size that is too large": b.box(b"abcd", bytes(40), size=50_000),
    "a size past the end": b.box(b"abcd", bytes(40), size=0xFFFFFFF0),
    "text": b"this is not a box at all\n" * 9,
    "an empty header": b.box(b"moov"),
    "a header without tracks": b.box(b"moov", b.mvhd(10_000)),
    "a damaged header": b.box(b"moov", b.mvhd(10_000), b.box(b"trak", bytes(900))),
    "media of size zero": b.box(b"mdat", bytes(40), size=0),
    "media with too small a size": b.box(b"mdat", bytes(900), size=40),
    "media with too large a size": b.box(b"mdat", bytes(900), size=0x7FFFFFFF),
    "64-bit media past the end": struct.pack(">I4sQ", 1, b"mdat", 1 << 60) + bytes(900),
}


@pytest.mark.parametrize("major", [b"isom", b"qt  "], ids=["mp4", "mov"])
@pytest.mark.parametrize("first", [True, False], ids=["moov first", "moov last"])
@pytest.mark.parametrize("name", BEFORE)
def test_finds_header_after(name: str, first: bool, major: bytes) -> None:
    media = b.box(b"mdat", size=8 + 3 * MIB) + bytes(3 * MIB)
    body = header() + media if first else media + header()
    found, counted = measure(BytesSource(b.ftyp(major) + BEFORE[name] + body))
    check(found)
    assert counted.requests <= ANY_VALID


@pytest.mark.parametrize("code", [b"free", b"skip", b"hoov"])
def test_reads_header_that_a_tool_made_invisible(code: bytes) -> None:
    """FFmpeg does so too."""
    hidden = header().replace(b"moov", code, 1)
    check(probe(BytesSource(b.ftyp() + b.box(b"mdat", bytes(900)) + hidden)))


def test_last_acceptable_header_wins() -> None:
    """Media data may contain the letters by chance, or a whole file."""
    generator = random.Random("headers")  # noqa: S311 (repeatable on purpose)
    inner = b.ftyp() + b.box(b"moov", b.mvhd(3000), b.video_trak(3))
    media = generator.randbytes(900) + b"moov" + bytes(40) + b"\0\0\0\x20moov" + bytes(64) + inner
    damaged = b.box(b"mdat", media, size=11)
    check(probe(BytesSource(b.ftyp() + damaged + header() + b"moov" * 20)))


def test_header_whose_size_includes_the_media_is_not_truncated() -> None:
    moov = header()
    larger = struct.pack(">I", len(moov) + 9000) + moov[4:]
    found = probe(BytesSource(b.ftyp() + larger + b.box(b"mdat", bytes(900))))
    check(found)
    assert not found.truncated


def test_file_without_header_is_truncated_after_a_search_of_its_end() -> None:
    source = SparseSource().add(b.ftyp() + b.large_box_header(b"mdat", 1 << 40)).skip(100 * MIB)
    counted = CountingSource(source)
    with pytest.raises(Truncated, match="missing"):
        probe(counted)
    assert counted.bytes_read > 20 * MIB
    assert counted.requests <= 32


@pytest.mark.parametrize(
    "handler", [b"vide", b"pict", b"auxv", b"abcd", b"\0\0\0\0", b"text"], ids=lambda code: code.hex()
)
def test_track_of_any_picture_handler_is_read(handler: bytes) -> None:
    picture = b.trak(1, handler, b.visual_entry(), 90000, [(300, 3000)])
    found = probe(BytesSource(b.moov(b.mvhd(10_000), picture, b.audio_trak(10))))
    check(found)


@pytest.mark.parametrize("handler", [b"soun", b"text", b"sbtl", b"subt", b"tmcd", b"meta", b"hint"])
def test_file_without_picture_track_is_refused(handler: bytes) -> None:
    other = b.trak(1, handler, b.box(b"abcd", bytes(60)), 90000, [(300, 3000)])
    with pytest.raises(NoVideoTrack):
        probe(BytesSource(b.moov(b.mvhd(10_000), other)))


AUDIO = b.audio_trak(10)
HANDLER = b.hdlr(b"soun")
DOUBTS: dict[str, Callable[[], bytes]] = {
    "unknown handler": lambda: AUDIO.replace(b"soun", b"abcd"),
    "no handler": lambda: AUDIO.replace(HANDLER, b.box(b"free", bytes(len(HANDLER) - 8))),
    "empty track": lambda: AUDIO + b.box(b"trak"),
    "track of zeros": lambda: AUDIO + b.box(b"trak", bytes(900)),
    "unknown box": lambda: AUDIO + b.box(b"abcd", bytes(900)),
    "damaged box": lambda: AUDIO + b.box(b"udta", bytes(900), size=5),
    "300 tracks": lambda: AUDIO * 300,
    "damaged compressed header": lambda: AUDIO + b.box(b"cmov", bytes(90)),
}


@pytest.mark.parametrize("name", DOUBTS)
def test_doubt_about_a_track_does_not_refuse(name: str) -> None:
    found = probe(BytesSource(b.moov(b.mvhd(10_000), DOUBTS[name]())))
    assert (found.container, found.width, found.metadata_complete) == ("mp4", None, False)
    assert found.duration_ms == 10_000


def test_header_cut_off_in_its_second_track_does_not_refuse() -> None:
    whole = b.ftyp() + b.box(b"moov", b.mvhd(10_000), AUDIO, b.video_trak(10))
    found = probe(BytesSource(whole[: len(whole) - len(b.video_trak(10))]))
    assert (found.width, found.metadata_complete, found.audio_codec) == (None, False, "aac")


@pytest.mark.parametrize("entry", [b"", b.box(b"abcd"), bytes(60)], ids=["none", "empty", "zeros"])
def test_video_without_readable_sample_entry_is_ready(entry: bytes) -> None:
    found = probe(BytesSource(b.moov(b.mvhd(10_000), b.trak(1, b"vide", entry, 90000, [(300, 3000)]))))
    assert (found.duration_ms, found.width, found.metadata_complete) == (10_000, None, False)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("inside", [b"", b.mvhd(10_000)], ids=["empty", "with mvhd"])
def test_tracks_after_a_header_of_a_too_small_size_are_read(inside: bytes, first: bool) -> None:
    """FFmpeg plays such a file."""
    parts = [b.box(b"moov", inside), b"" if inside else b.mvhd(10_000), b.audio_trak(10), b.video_trak(10)]
    media = b.box(b"mdat", bytes(5000))
    whole = b.ftyp() + b"".join([*parts, media] if first else [media, *parts])
    found = probe(BytesSource(whole))
    check(found)
    assert not found.truncated


def test_only_sound_after_a_header_of_a_too_small_size_does_not_refuse() -> None:
    whole = b.ftyp() + b.box(b"moov", b.mvhd(10_000)) + AUDIO + b.box(b"mdat", bytes(5000))
    found = probe(BytesSource(whole))
    assert (found.width, found.audio_codec) == (None, "aac")


@pytest.mark.parametrize("handler", [b"subp", b"clcp", b"meta"])
def test_video_codec_in_a_track_of_another_type_is_a_video(handler: bytes) -> None:
    """FFmpeg takes the type from the sample entry."""
    picture = b.trak(1, handler, b.visual_entry(), 90000, [(300, 3000)])
    check(probe(BytesSource(b.moov(b.mvhd(10_000), picture, b.audio_trak(10)))))


@pytest.mark.parametrize("more", [-1, 1, 30])
def test_damaged_size_of_the_header_hides_media_and_does_not_make_the_file_truncated(more: int) -> None:
    moov = header() + b.box(b"udta", bytes(90))
    moov = (len(moov) + more).to_bytes(4, "big") + moov[4:-98] + b.box(b"udta", bytes(90))
    assert not probe(BytesSource(b.ftyp() + moov + b.box(b"mdat", bytes(50_000)))).truncated


@pytest.mark.parametrize(
    "before",
    [b.box(b"free") * 5000, b.box(b"abcd") * 5000, b.box(b"abcd", size=1 << 30), bytes(8)],
    ids=["many boxes", "many unknown boxes", "damaged size", "zeros"],
)
def test_media_before_a_header_that_only_a_search_finds_is_not_missing(before: bytes) -> None:
    whole = b.ftyp() + before + b.box(b"mdat", bytes(5000)) + header()
    found = probe(BytesSource(whole))
    check(found)
    assert not found.truncated


# --- Matroska ---------------------------------------------------------------------------------------------------

ENTRY = b.video_entry(default_duration=33_333_333)


def segment(*children: bytes) -> bytes:
    return b.matroska(*children, b.cluster(b.element(0xA3, b"\x81\0\0\x80" + bytes(900))))


LOST = {
    "a segment of another ID": lambda: segment(b.info(9000.0), b.tracks(ENTRY)).replace(
        b"\x18\x53\x80\x67", b"\x18\x53\x80\x68"
    ),
    "an element past the tracks": lambda: segment(
        b.element(0xEC, bytes(40), size=700), b.info(9000.0), b.tracks(ENTRY)
    ),
    "an element past the end": lambda: segment(
        b.element(0x4321, bytes(40), size=1 << 40), b.info(9000.0), b.tracks(ENTRY)
    ),
    "zeros": lambda: segment(bytes(64), b.info(9000.0), b.tracks(ENTRY)),
    "text": lambda: segment(b"this is no element" * 9, b.info(9000.0), b.tracks(ENTRY)),
    "a short segment": lambda: segment(b.info(9000.0), b.tracks(ENTRY)).replace(
        b.UNKNOWN, b"\x01" + bytes(6) + b"\x10", 1
    ),
}


@pytest.mark.parametrize("name", LOST)
def test_finds_tracks_after(name: str) -> None:
    found = probe(BytesSource(LOST[name]()))
    assert (found.width, found.height, found.video_codec, found.frame_rate) == (640, 360, "vp8", 30.0)


@pytest.mark.parametrize("kind", [1, 3, 0, 0x55])
def test_matroska_track_with_pictures_of_any_type_is_read(kind: int) -> None:
    entry = ENTRY.replace(b.uint(0x83, 1), b.uint(0x83, kind))
    assert probe(BytesSource(segment(b.info(9000.0), b.tracks(b.audio_track_entry(), entry)))).width == 640


UNSURE = {
    "unknown track type": b.tracks(b.audio_track_entry().replace(b.uint(0x83, 2), b.uint(0x83, 9))),
    "unknown element": b.tracks(b.audio_track_entry(), b.element(0x4321, bytes(90))),
    "zeros": b.tracks(b.audio_track_entry(), bytes(90)),
    "300 tracks": b.tracks(b.audio_track_entry() * 300),
}


@pytest.mark.parametrize("name", UNSURE)
def test_doubt_about_a_matroska_track_does_not_refuse(name: str) -> None:
    found = probe(BytesSource(segment(b.info(9000.0), UNSURE[name])))
    assert (found.container, found.width, found.duration_ms) == ("webm", None, 9000)


def test_matroska_without_tracks_is_refused_only_if_they_are_surely_absent() -> None:
    with pytest.raises(Truncated):
        probe(BytesSource(segment(b.info(9000.0))))
    distant = SparseSource().add(segment(b.info(9000.0))).skip(60 * MIB)
    found, counted = measure(distant)
    assert (found.width, found.metadata_complete) == (None, False)
    assert counted.requests <= 32


@pytest.mark.parametrize("whole", [True, False])
def test_element_longer_than_a_whole_segment_does_not_make_the_file_truncated(whole: bool) -> None:
    damaged = b.element(0x1254C367, bytes(40), size=1 << 40)
    content = (b.info(9000.0), b.tracks(ENTRY), damaged, b.cluster(b.element(0xA3, b"\x81\0\0\x80")))
    found = probe(
        BytesSource(b.ebml_header() + b.element(0x18538067, *content, size=None if whole else 1 << 41))
    )
    assert (found.width, found.truncated) == (640, not whole)


@pytest.mark.parametrize("first", [b.box(b"abcd"), b.box(b"meta", bytes(30)), b.box(b"\0\1\2\3")], ids=repr)
@pytest.mark.parametrize(
    "type_box", [b.ftyp(), b.box(b"ftyp"), b.box(b"xtyp", b"isom")], ids=["ftyp", "empty", "renamed"]
)
def test_box_before_the_file_type_does_not_refuse_the_file(first: bytes, type_box: bytes) -> None:
    media = b.box(b"mdat", bytes(1000))
    check(probe(BytesSource(first + type_box + header() + media)))
    check(probe(BytesSource(first + type_box + media + header())))


def test_described_rows_agree_with_ffprobe(tmp_path: Path, samples: dict[str, bytes]) -> None:
    """A real file with a box of zeros, and one with an unknown box before its header."""
    data = samples["mp4"]
    at = data.rindex(b"moov") - 4
    path = tmp_path / "changed.mp4"
    for extra in (b.box(b"abcd"), b.box(b"\0\1\2\3", bytes(30))):
        path.write_bytes(data[:at] + extra + data[at:])
        answer = oracle.ask(path)
        assert answer is not None
        with FileSource(path) as file:
            assert oracle.differences(probe(file), answer) == {}
