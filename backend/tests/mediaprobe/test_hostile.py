"""Hostile files give a ProbeError or sane metadata within the budget."""

from __future__ import annotations

import math
import struct
import sys

import pytest

from mediaprobe import Budget, BudgetExceeded, BytesSource, Metadata, ProbeError, probe
from mediaprobe.reader import BlockReader
from tests import media
from tests.mediaprobe import builders, floods, hostile
from tests.mediaprobe.conftest import HEADER_FIRST, SAMPLES
from tests.mediaprobe.sources import MIB, CountingSource, probe_counted


def ending(data: bytes) -> tuple[str, Metadata | None, CountingSource]:
    """Return the code, the metadata, and the source with its counts."""
    counted = CountingSource(BytesSource(data))
    try:
        found = probe_counted(counted)
    except ProbeError as error:
        return (
            error.code if error.detail[0].isupper() and error.detail.endswith(".") else "no sentence",
            None,
            counted,
        )
    return hostile.READY, found, counted


def check_sane(found: Metadata) -> None:
    """Check that every number is finite and plausible, or None."""
    for name, value in found.as_json().items():
        if isinstance(value, float):
            assert math.isfinite(value), name
    assert found.duration_ms is None or 0 < found.duration_ms <= 10 * 86_400_000
    assert (found.duration_ms is None) == (found.duration_source is None)
    assert found.frame_rate is None or 0 <= found.frame_rate <= 1000
    for side in (found.width, found.height, found.coded_width, found.coded_height):
        assert side is None or 0 < side <= 65535
    assert found.audio_channels is None or 0 < found.audio_channels <= 64
    assert found.bit_rate is None or found.bit_rate >= 0
    assert found.rotation in (0, 90, 180, 270)
    for text in (found.video_codec, found.audio_codec):
        assert text is None or (text.isascii() and text.isprintable())


@pytest.mark.parametrize("case", hostile.INPUTS, ids=lambda case: case.name)
def test_hostile_file_has_expected_result(case: hostile.Hostile) -> None:
    code, found, counted = ending(case.make())
    assert code in case.ends
    assert counted.requests <= 32
    assert counted.bytes_read <= 24 * MIB
    assert counted.work <= Budget().work
    if found is not None:
        check_sane(found)


def test_one_configuration_of_a_sample_entry_is_parsed() -> None:
    """A flood of configurations takes little more work than one of them. The first valid one counts."""
    first, other = hostile.hvcc(hostile.long_hevc_sps(640)), hostile.hvcc(hostile.long_hevc_sps(320))
    invalid = hostile.hvcc(hostile.long_hevc_sps(0))

    def entry(*boxes: bytes) -> tuple[Metadata | None, int]:
        _, found, counted = ending(builders.one_track(builders.visual_entry(b"hvc1", 99, 99, *boxes)))
        return found, counted.work

    alone, flooded = entry(first), entry(first, *[other] * 4000)
    assert alone[0] is not None
    assert flooded[0] is not None
    assert flooded[0].coded_width == alone[0].coded_width == 640
    assert flooded[1] < alone[1] + 300
    found, _ = entry(invalid, first, other)
    assert found is not None
    assert found.coded_width == 640


def test_one_compressed_header_is_inflated() -> None:
    """A flood of compressed headers takes little more work than one, and the limit of the inflated size holds."""
    header = hostile.inflating_header(100_000_000)[len(builders.ftyp()) + 8 :]
    works = [ending(builders.moov(header * count))[2].work for count in (1, 200)]
    assert works[0] > 4 * MIB // 1024
    assert works[1] < works[0] + 500


def test_inflated_bytes_are_work() -> None:
    film = builders.box(b"moov", builders.mvhd(1000), builders.video_trak(1))
    works = [
        ending(hostile.compressed(film + builders.box(b"free", bytes(size))))[2].work for size in (0, MIB)
    ]
    assert 1024 <= works[1] - works[0] <= 1100


@pytest.mark.parametrize("name", floods.KEPT)
def test_flood_keeps_what_was_read_before_it(name: str) -> None:
    with pytest.raises(BudgetExceeded) as exceeded:
        probe(BytesSource(floods.KEPT[name]()))
    partial = exceeded.value.partial
    assert partial is not None
    known = {key: value for key, value in partial.as_json().items() if value is not None}
    assert (known["width"], known["height"]) == (640, 360)
    assert "video_codec" in known


@pytest.mark.parametrize("name", floods.FLOODS)
def test_flood_stays_within_budget(name: str) -> None:
    code, found, counted = ending(floods.FLOODS[name]())
    assert code in (hostile.READY, hostile.BUDGET, hostile.NO_VIDEO)
    assert 0 < counted.work <= Budget().work
    if found is not None:
        check_sane(found)


def test_fragment_costs_work_for_each_track_before_it() -> None:
    few, many = (
        ending(hostile.fragment(*tracks) + builders.box(b"moof") * 500)[2].work
        for tracks in (
            [hostile.traf(hostile.run(1), track=1)] * 800,
            [hostile.traf(hostile.run(1), track=n) for n in range(800)],
        )
    )
    assert many - few > 500 * 50


def test_flood_in_a_track_keeps_its_rate_and_rotation() -> None:
    turned = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    flooded = floods.KEPT["boxes in a track"]().replace(builders.MATRIX, turned)
    with pytest.raises(BudgetExceeded) as exceeded:
        probe(BytesSource(flooded))
    partial = exceeded.value.partial
    assert partial is not None
    assert (partial.rotation, partial.frame_rate) == (90, 30)


def test_names_are_unique() -> None:
    assert len({case.name for case in hostile.INPUTS}) == len(hostile.INPUTS)


@pytest.mark.parametrize("name", SAMPLES)
def test_truncation_at_every_edge(samples: dict[str, bytes], name: str) -> None:
    """Cut after every box, element or chunk header, and one byte before and after that."""
    data = samples[name]
    for edge in edges(name, data):
        for cut in (edge - 1, edge, edge + 1):
            if 0 < cut < len(data):
                code, found, _ = ending(data[:cut])
                assert code in (hostile.READY, *_REFUSALS)
                if found is not None:
                    check_sane(found)


_REFUSALS = (hostile.UNSUPPORTED, hostile.NO_VIDEO, hostile.TRUNCATED)
_MARKS: dict[str, tuple[bytes, ...]] = {
    "boxes": (
        *(
            b"ftyp",
            b"free",
            b"mdat",
            b"moov",
            b"mvhd",
            b"trak",
            b"tkhd",
            b"edts",
            b"elst",
            b"mdia",
            b"mdhd",
            b"hdlr",
        ),
        *(
            b"minf",
            b"stbl",
            b"stsd",
            b"avc1",
            b"avcC",
            b"pasp",
            b"mp4a",
            b"esds",
            b"stts",
            b"stsc",
            b"stsz",
            b"stco",
        ),
        *(b"mvex", b"trex", b"moof", b"traf", b"tfhd", b"tfdt", b"trun", b"mfra", b"tfra", b"mfro", b"udta"),
    ),
    "elements": tuple(
        builders.id_bytes(identity)
        for identity in (
            0x1A45DFA3,
            0x18538067,
            0x114D9B74,
            0x1549A966,
            0x1654AE6B,
            0x1F43B675,
            0x1C53BB6B,
            0x4489,
        )
    ),
    "chunks": (
        b"RIFF",
        b"LIST",
        b"hdrl",
        b"avih",
        b"strl",
        b"strh",
        b"strf",
        b"odml",
        b"movi",
        b"idx1",
        b"JUNK",
    ),
}
_LAYOUTS = {
    **dict.fromkeys(("mp4", "mov", "fragmented", "fragmented without index", "silent"), "boxes"),
    **dict.fromkeys(("webm", "mkv", "live"), "elements"),
    "avi": "chunks",
}


def edges(name: str, data: bytes) -> list[int]:
    found = []
    for mark in _MARKS[_LAYOUTS[name]]:
        at = data.find(mark)
        while at >= 0:
            found += [at - 4, at, at + len(mark), at + len(mark) + 4]
            at = data.find(mark, at + 1)
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_file_without_header_is_truncated(samples: dict[str, bytes], name: str) -> None:
    assert ending(samples[name][:64])[0] == hostile.TRUNCATED


@pytest.mark.parametrize("name", [name for name in media.CONTAINERS if name not in HEADER_FIRST])
def test_file_cut_before_its_header_at_the_end_is_truncated(samples: dict[str, bytes], name: str) -> None:
    data = samples[name]
    assert ending(data[: len(data) // 2])[0] == hostile.TRUNCATED


@pytest.mark.parametrize("name", [*HEADER_FIRST, "fragmented"])
def test_file_cut_after_header_has_metadata_and_flag(samples: dict[str, bytes], name: str) -> None:
    data = samples[name]
    whole = probe(BytesSource(data))
    code, cut, _ = ending(data[: len(data) * 3 // 4])
    assert code == hostile.READY
    assert cut is not None
    assert not whole.truncated
    assert cut.truncated
    assert (cut.width, cut.video_codec) == (whole.width, whole.video_codec)


def test_detects_truncation_from_bit_rate() -> None:
    """The file is too small for its bit rate, so a request checks the media header."""
    bit_rate = builders.box(b"btrt", (0).to_bytes(8, "big"), (1_000_000).to_bytes(4, "big"))
    entry = builders.visual_entry(b"avc1", 640, 360, builders.avcc(), bit_rate)
    film = builders.trak(1, b"vide", entry, 90000, [(3600 * 30, 3000)], reordered=True)
    moov = builders.box(b"moov", builders.mvhd(3_600_000), film, builders.audio_trak(3600))
    data = builders.ftyp() + moov + builders.large_box_header(b"mdat", 450_000_000) + bytes(2_000_000)
    code, found, counted = ending(data)
    assert code == hostile.READY
    assert found is not None
    assert found.truncated
    assert counted.requests <= 3


def test_parsers_do_not_recurse() -> None:
    """Nesting in a file cannot exhaust the stack, because the parsers' depth is fixed."""
    depths: list[int] = []
    read = BlockReader.read

    def counting_read(self: BlockReader, offset: int, length: int) -> bytes:
        depth, frame = 0, sys._getframe()
        while frame.f_back is not None:
            depth, frame = depth + 1, frame.f_back
        depths.append(depth)
        return read(self, offset, length)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BlockReader, "read", counting_read)
        for case in hostile.INPUTS:
            if "nested" in case.name or "deep" in case.name or "header in" in case.name:
                ending(case.make())
    assert max(depths) - min(depths) < 20


def test_default_budget() -> None:
    assert Budget() == Budget(requests=32, bytes=24 * MIB, seconds=10.0, work=100_000)
