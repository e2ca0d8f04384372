"""The reader: windows, cache, budgets, and an object that changes under it."""

from __future__ import annotations

import random

import pytest

from mediaprobe import Budget, BudgetExceeded, BytesSource, RangeAnswer, SourceChanged, probe
from mediaprobe.reader import BLOCK, CACHE_BYTES, JUMP, MAX_READS, MAX_WINDOW, BlockReader
from tests.mediaprobe.builders import box, fragmented_moov, ftyp, opendml_avi, progressive_mp4
from tests.mediaprobe.sources import KIB, MIB, CountingSource, SparseSource


def open_reader(size: int, budget: Budget | None = None) -> tuple[BlockReader, CountingSource]:
    source = CountingSource(SparseSource().skip(size))
    return BlockReader(source, budget or Budget(), lambda: 0.0), source


def test_the_first_read_is_64_kib_and_learns_the_size() -> None:
    reader, source = open_reader(10 * MIB)
    assert source.ranges == [(0, 64 * KIB)]
    assert reader.size == 10 * MIB


def test_bytes_already_read_cost_nothing() -> None:
    reader, source = open_reader(10 * MIB)
    reader.read(100, 5000)
    assert source.requests == 1
    assert reader.holds(100, 5000)
    assert not reader.holds(BLOCK - 1, 2)


def test_a_second_jump_takes_a_block_and_later_ones_a_quarter() -> None:
    reader, source = open_reader(10 * MIB)
    for offset in (MIB, 3 * MIB, 5 * MIB):
        reader.read(offset, 8)
    assert [length for _, length in source.ranges] == [BLOCK, BLOCK, JUMP, JUMP]


def test_eight_jumps_stay_below_256_kib() -> None:
    reader, source = open_reader(100 * MIB)
    for number in range(1, 8):
        reader.read(number * 10 * MIB, 8)
    assert source.requests == 8
    assert source.bytes_read <= 256 * KIB


def test_reading_on_doubles_the_window_to_1_mib() -> None:
    reader, source = open_reader(20 * MIB)
    offset = 0
    while source.requests < 8:
        reader.read(offset, 100)
        offset += 100 if reader.holds(offset + 100, 100) else 1000
        if reader.holds(offset, KIB):
            offset += KIB
    lengths = [length for _, length in source.ranges]
    assert lengths[1:6] == [2 * BLOCK, 4 * BLOCK, 8 * BLOCK, MAX_WINDOW, MAX_WINDOW]


def test_what_is_read_equals_what_is_there() -> None:
    generator = random.Random(7)  # noqa: S311 (a repeatable test, no secret)
    data = generator.randbytes(700_000)
    reader = BlockReader(BytesSource(data), Budget(requests=10_000, bytes=1 << 40), lambda: 0.0)
    for _ in range(500):
        offset, length = generator.randrange(-10, 710_000), generator.randrange(0, 90_000)
        assert reader.read(offset, length) == (data[offset : offset + length] if offset >= 0 else b"")


def test_the_cache_is_bounded() -> None:
    reader, _ = open_reader(100 * MIB)
    for number in range(20):
        reader.read(number * MIB, MIB)
        assert sum(len(extent.data) for extent in reader._extents) <= CACHE_BYTES
    assert reader.holds(19 * MIB, MIB)
    assert not reader.holds(0, 1)


def test_a_33rd_request_is_refused() -> None:
    reader, source = open_reader(100 * MIB)
    for number in range(1, 32):
        reader.read(number * MIB, 8)
    with pytest.raises(BudgetExceeded, match="32 requests"):
        reader.read(50 * MIB, 8)
    assert source.requests == 32


def test_more_than_24_mib_are_refused() -> None:
    reader, source = open_reader(100 * MIB)
    for number in range(11):
        reader.read(MIB + number * 2 * MIB, 2 * MIB)
    with pytest.raises(BudgetExceeded, match="24 MiB"):
        reader.read(50 * MIB, 2 * MIB)
    assert 22 * MIB <= source.bytes_read <= 24 * MIB


def test_reading_longer_than_10_seconds_is_refused() -> None:
    now = iter([0.0, 1.0, 9.9, 10.1])
    reader = BlockReader(SparseSource().skip(10 * MIB), Budget(), lambda: next(now))
    reader.read(MIB, 8)
    with pytest.raises(BudgetExceeded, match="10 seconds"):
        reader.read(5 * MIB, 8)


def test_a_header_of_too_many_pieces_is_refused() -> None:
    reader, _ = open_reader(KIB)
    for _ in range(MAX_READS):
        reader.read(0, 1)
    with pytest.raises(BudgetExceeded, match="parts"):
        reader.read(0, 1)


def test_budget_exceeded_brings_what_was_learnt() -> None:
    film = progressive_mp4(600, 100 * MIB, moov_first=False)
    with pytest.raises(BudgetExceeded) as exceeded:
        probe(film, budget=Budget(requests=2))
    assert exceeded.value.container == "mp4"
    partial = exceeded.value.partial
    assert partial is not None
    assert (partial.width, partial.height, partial.video_codec) == (640, 360, "h264")


def test_budget_exceeded_at_once_still_knows_the_container() -> None:
    with pytest.raises(BudgetExceeded) as exceeded:
        probe(progressive_mp4(60, 100 * MIB, moov_first=False), budget=Budget(requests=1))
    assert exceeded.value.container == "mp4"
    assert exceeded.value.partial is not None
    assert not exceeded.value.partial.metadata_complete


class ChangingSource:
    """Another object from the second read on."""

    def __init__(self, before: SparseSource, after: SparseSource) -> None:
        self._answers = [before, after]
        self.etags: list[str | None] = []

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:
        self.etags.append(etag)
        source = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return source.read_range(start, length, etag)


def test_later_reads_carry_the_etag_of_the_first() -> None:
    film = progressive_mp4(600, MIB, moov_first=False)
    source = ChangingSource(film, film)
    probe(source)
    assert source.etags[0] is None
    assert set(source.etags[1:]) == {'"sparse"'}


def test_an_object_of_another_size_is_a_changed_one() -> None:
    source = ChangingSource(
        progressive_mp4(600, MIB, moov_first=False), progressive_mp4(600, 2 * MIB, moov_first=False)
    )
    with pytest.raises(SourceChanged):
        probe(source)


class ShortSource:
    """Announces more bytes than it sends."""

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:  # noqa: ARG002
        return RangeAnswer(b"\0\0\0\x18ftypisom", 1 << 20, None)


def test_a_source_that_sends_less_than_it_announces_is_refused() -> None:
    with pytest.raises(SourceChanged):
        probe(ShortSource())


class FailingSource:
    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:  # noqa: ARG002
        raise ConnectionResetError("the wire was cut")


def test_what_the_transport_raises_passes_through() -> None:
    with pytest.raises(ConnectionResetError):
        probe(FailingSource())


@pytest.mark.parametrize("order", ["media first", "fragments", "avi"])
def test_a_source_without_etags_is_read_all_the_same(order: str) -> None:
    source = {
        "media first": progressive_mp4(60, MIB, moov_first=False),
        "fragments": SparseSource().add(ftyp() + fragmented_moov() + box(b"free", bytes(100))),
        "avi": opendml_avi(60, MIB),
    }[order]

    class Plain:
        def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:
            assert etag is None
            answer = source.read_range(start, length, etag)
            return RangeAnswer(answer.data, answer.size, None)

    assert probe(Plain()).video_codec is not None
