"""Windows, cache and budget of the reader, and changes of the object."""

from __future__ import annotations

import random

import pytest

from mediaprobe import Budget, BudgetExceeded, BytesSource, RangeAnswer, SourceChanged, probe
from mediaprobe.budget import Spending
from mediaprobe.reader import BLOCK, CACHE_BYTES, JUMP, MAX_WINDOW, BlockReader, MemoryReader
from tests.mediaprobe.builders import box, fragmented_moov, ftyp, opendml_avi, progressive_mp4
from tests.mediaprobe.sources import KIB, MIB, CountingSource, SparseSource


def open_reader(size: int, budget: Budget | None = None) -> tuple[BlockReader, CountingSource]:
    source = CountingSource(SparseSource().skip(size))
    return BlockReader(source, Spending(budget or Budget(), lambda: 0.0)), source


def test_first_read_is_64_kib_and_gives_size() -> None:
    reader, source = open_reader(10 * MIB)
    assert source.ranges == [(0, 64 * KIB)]
    assert reader.size == 10 * MIB


def test_cached_bytes_take_no_request() -> None:
    reader, source = open_reader(10 * MIB)
    reader.read(100, 5000)
    assert source.requests == 1
    assert reader.has_cached(100, 5000)
    assert not reader.has_cached(BLOCK - 1, 2)


def test_later_jumps_read_a_quarter_block() -> None:
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


def test_sequential_reads_double_window_up_to_1_mib() -> None:
    reader, source = open_reader(20 * MIB)
    offset = 0
    while source.requests < 8:
        reader.read(offset, 100)
        offset += 100 if reader.has_cached(offset + 100, 100) else 1000
        if reader.has_cached(offset, KIB):
            offset += KIB
    lengths = [length for _, length in source.ranges]
    assert lengths[1:6] == [2 * BLOCK, 4 * BLOCK, 8 * BLOCK, MAX_WINDOW, MAX_WINDOW]


def test_reads_equal_source() -> None:
    generator = random.Random(7)  # noqa: S311 (a repeatable test, no secret)
    data = generator.randbytes(700_000)
    reader = BlockReader(BytesSource(data), Spending(Budget(requests=10_000, bytes=1 << 40), lambda: 0.0))
    for _ in range(500):
        offset, length = generator.randrange(-10, 710_000), generator.randrange(0, 90_000)
        assert reader.read(offset, length) == (data[offset : offset + length] if offset >= 0 else b"")


def test_cache_is_limited() -> None:
    reader, _ = open_reader(100 * MIB)
    for number in range(20):
        reader.read(number * MIB, MIB)
        assert sum(len(extent.data) for extent in reader._extents) <= CACHE_BYTES
    assert reader.has_cached(19 * MIB, MIB)
    assert not reader.has_cached(0, 1)


def test_limits_requests_to_32() -> None:
    reader, source = open_reader(100 * MIB)
    for number in range(1, 32):
        reader.read(number * MIB, 8)
    with pytest.raises(BudgetExceeded, match="32 requests"):
        reader.read(50 * MIB, 8)
    assert source.requests == 32


def test_limits_bytes_to_24_mib() -> None:
    reader, source = open_reader(100 * MIB)
    for number in range(11):
        reader.read(MIB + number * 2 * MIB, 2 * MIB)
    with pytest.raises(BudgetExceeded, match="24 MiB"):
        reader.read(50 * MIB, 2 * MIB)
    assert 22 * MIB <= source.bytes_read <= 24 * MIB


def test_limits_time_to_10_seconds() -> None:
    now = iter([0.0, 1.0, 9.9, 10.1])
    reader = BlockReader(SparseSource().skip(10 * MIB), Spending(Budget(), lambda: next(now)))
    reader.read(MIB, 8)
    with pytest.raises(BudgetExceeded, match="10 seconds"):
        reader.read(5 * MIB, 8)


def test_limits_time_between_requests() -> None:
    """Parsing what is in memory also ends at the deadline."""
    now = [0.0]
    reader = BlockReader(SparseSource().skip(KIB), Spending(Budget(), lambda: now[0]))
    reader.read(0, 1)
    now[0] = 10.1

    def read_on() -> None:
        for _ in range(1000):
            reader.read(0, 1)

    with pytest.raises(BudgetExceeded, match="10 seconds"):
        read_on()


@pytest.mark.parametrize("offset", [0, KIB], ids=["in the file", "past its end"])
def test_limits_number_of_reads(offset: int) -> None:
    reader, _ = open_reader(KIB, Budget(work=700))
    for _ in range(700):
        reader.read(offset, 1)
    with pytest.raises(BudgetExceeded, match="700 steps"):
        reader.read(offset, 1)
    assert reader.spending.work == 700


def test_long_reads_take_more_work() -> None:
    reader, _ = open_reader(10 * MIB)
    reader.read(0, 8)
    assert reader.spending.work == 1
    reader.read(0, MIB)
    assert reader.spending.work == 1 + 1 + MIB // (16 * KIB)


def test_readers_of_one_probe_share_its_work() -> None:
    reader, _ = open_reader(KIB, Budget(work=10))
    inner = MemoryReader(bytes(100), reader.spending)
    for _ in range(5):
        reader.read(0, 1)
        inner.read(0, 1)
    with pytest.raises(BudgetExceeded):
        inner.read(0, 1)
    with pytest.raises(BudgetExceeded):
        reader.read(0, 1)


def test_budget_exceeded_has_partial_metadata() -> None:
    film = progressive_mp4(600, 100 * MIB, moov_first=False)
    with pytest.raises(BudgetExceeded) as exceeded:
        probe(film, budget=Budget(requests=2))
    assert exceeded.value.container == "mp4"
    partial = exceeded.value.partial
    assert partial is not None
    assert (partial.width, partial.height, partial.video_codec) == (640, 360, "h264")


def test_budget_exceeded_after_first_request_has_container() -> None:
    with pytest.raises(BudgetExceeded) as exceeded:
        probe(progressive_mp4(60, 100 * MIB, moov_first=False), budget=Budget(requests=1))
    assert exceeded.value.container == "mp4"
    assert exceeded.value.partial is not None
    assert not exceeded.value.partial.metadata_complete


class ChangingSource:
    """Serves another object from the second read on."""

    def __init__(self, before: SparseSource, after: SparseSource) -> None:
        self._answers = [before, after]
        self.etags: list[str | None] = []

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:
        self.etags.append(etag)
        source = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return source.read_range(start, length, etag)


def test_later_reads_send_etag_of_first() -> None:
    film = progressive_mp4(600, MIB, moov_first=False)
    source = ChangingSource(film, film)
    probe(source)
    assert source.etags[0] is None
    assert set(source.etags[1:]) == {'"sparse"'}


def test_detects_changed_size() -> None:
    source = ChangingSource(
        progressive_mp4(600, MIB, moov_first=False), progressive_mp4(600, 2 * MIB, moov_first=False)
    )
    with pytest.raises(SourceChanged):
        probe(source)


class ShortSource:
    """Announces more bytes than it sends."""

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:  # noqa: ARG002
        return RangeAnswer(b"\0\0\0\x18ftypisom", 1 << 20, None)


def test_rejects_source_shorter_than_its_size() -> None:
    with pytest.raises(SourceChanged):
        probe(ShortSource())


class FailingSource:
    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:  # noqa: ARG002
        raise ConnectionResetError("the connection was reset")


def test_transport_errors_pass_through() -> None:
    with pytest.raises(ConnectionResetError):
        probe(FailingSource())


@pytest.mark.parametrize("order", ["media first", "fragments", "avi"])
def test_reads_source_without_etag(order: str) -> None:
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
