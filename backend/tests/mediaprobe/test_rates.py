"""Frame rates and durations that a header states wrongly."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import pytest

from mediaprobe import BytesSource, Metadata, probe
from tests.mediaprobe import builders as b
from tests.mediaprobe.sources import measure

_FIELD_50, _FIELD_60 = 20_000_000, 16_683_333


def read(data: bytes) -> Metadata:
    return probe(BytesSource(data))


def matroska(
    times: Iterable[float], default_duration: int, shape: bytes = b"", extra: bytes = b"", size: int = 20
) -> Metadata:
    """Return the metadata of a file with a block at each time in milliseconds."""
    entry = b.video_entry(
        default_duration=default_duration,
        shape=b.uint(0xB0, 720) + b.uint(0xBA, 576) + shape,
        extra=extra,
    )
    blocks = [b.element(0xA3, b"\x81" + struct.pack(">hB", round(time), 0x80), bytes(size)) for time in times]
    return read(b.matroska(b.info(4000.0), b.tracks(entry), b.cluster(*blocks)))


def spaced(step: float, count: int) -> list[float]:
    return [step * n for n in range(count)]


_INTERLACED = b.uint(0x9A, 1)
# Times of pictures that are stored in another order than they are shown
_REORDERED = [160 * n + time for n in range(5) for time in (160, 80, 40, 120)]


@pytest.mark.parametrize("interlaced", [True, False])
@pytest.mark.parametrize(
    ("times", "default_duration", "rate"),
    [
        pytest.param(spaced(40, 25), _FIELD_50, 25.0, id="25i"),
        pytest.param(spaced(1001 / 30, 40), _FIELD_60, 29.97, id="29.97i"),
        pytest.param(spaced(1001 / 24, 40), 20_854_167, 23.976, id="23.976i"),
        pytest.param(spaced(20, 40), _FIELD_50, 50.0, id="50p"),
        pytest.param(spaced(40, 25), 2 * _FIELD_50, 25.0, id="25i-of-frames"),
        pytest.param(_REORDERED, _FIELD_50, 25.0, id="25i-reordered"),
        pytest.param([16.67 * n for n in range(60) if n % 3], 16_666_667, 60.0, id="vfr"),
        pytest.param(
            [*spaced(33.3, 20), *(666 + 16.65 * n for n in range(40))], 16_666_667, 44.867, id="vfr-half"
        ),
        pytest.param(spaced(100, 25), _FIELD_50, 50.0, id="far-slower"),
    ],
)
def test_default_duration_of_field_gives_frame_rate(
    times: list[float], default_duration: int, rate: float, interlaced: bool
) -> None:
    found = matroska(times, default_duration, _INTERLACED if interlaced else b"")
    assert found.frame_rate == pytest.approx(rate, rel=0.001)


@pytest.mark.parametrize(
    ("shape", "extra", "rate"),
    [
        (b"", b"", 50.0),
        (b.uint(0x9A, 2), b"", 50.0),
        (_INTERLACED, b"", 25.0),
        (b"", b.uint(0x234E7A, _FIELD_50), 25.0),
    ],
    ids=["unknown", "progressive", "interlaced", "field-duration"],
)
@pytest.mark.parametrize("count", [0, 6])
def test_few_blocks_need_an_interlaced_flag(shape: bytes, extra: bytes, rate: float, count: int) -> None:
    assert matroska(spaced(40, count), _FIELD_50, shape, extra).frame_rate == rate


@pytest.mark.parametrize(
    ("step", "size", "flag", "rate"),
    [
        (40, 100, b"", 25.0),
        (20, 100, b"", 50.0),
        (40, 60_000, b"", 25.0),
        (20, 60_000, b"", 50.0),
        (40, 60_000, _INTERLACED, 25.0),
        (20, 60_000, _INTERLACED, 50.0),
    ],
)
def test_h264_with_fields_has_frame_rate_of_blocks(step: int, size: int, flag: bytes, rate: float) -> None:
    """Of large frames a few requests read the times."""
    private = b.avcc(b.h264_sps(1920, 1088, (0, 0, 0, 8), fields=True))[8:]
    shape = b.uint(0xB0, 1920) + b.uint(0xBA, 1080) + flag
    entry = b.video_entry(default_duration=_FIELD_50, codec=b"V_MPEG4/ISO/AVC", private=private, shape=shape)
    blocks = [b.simple_block(1, step * n, size) + bytes(size) for n in range(25)]
    segment = b.element(0x18538067, b.info(1000.0), b.tracks(entry), b.cluster(*blocks))
    found, counted = measure(BytesSource(b.ebml_header() + segment))
    assert found.frame_rate == rate
    assert counted.requests <= 8


@pytest.mark.parametrize(("flag", "rate"), [(b"", 50.0), (_INTERLACED, 25.0)])
def test_h264_with_fields_and_without_blocks(flag: bytes, rate: float) -> None:
    private = b.avcc(b.h264_sps(1920, 1088, (0, 0, 0, 8), fields=True))[8:]
    shape = b.uint(0xB0, 1920) + b.uint(0xBA, 1080) + flag
    entry = b.video_entry(default_duration=_FIELD_50, codec=b"V_MPEG4/ISO/AVC", private=private, shape=shape)
    assert read(b.matroska(b.info(1000.0), b.tracks(entry), b.cluster())).frame_rate == rate


# --- AVI ----------------------------------------------------------------------------------------------------------


def avi(
    scale: int, rate: int, length: int, frame_time: int, frames: int, whole: int | None = None
) -> Metadata:
    main = b.chunk(b"avih", struct.pack("<I12xI36x", frame_time, frames))
    stream = b.avi_stream(b"vids", scale, rate, length, b.bitmap_info())
    odml = b"" if whole is None else b.chunks(b"LIST", b"odml", b.chunk(b"dmlh", struct.pack("<I", whole)))
    header = b.chunks(b"LIST", b"hdrl", main, stream, odml)
    return read(b.chunks(b"RIFF", b"AVI ", header, b.chunks(b"LIST", b"movi", bytes(64))))


@pytest.mark.parametrize(
    ("header", "rate", "duration"),
    [
        pytest.param((1, 20, 20, 50_000, 20), 20.0, 1000, id="complete"),
        pytest.param((1, 0, 20, 50_000, 20), 20.0, 1000, id="no-rate"),
        pytest.param((0, 20, 20, 50_000, 20), 20.0, 1000, id="no-scale"),
        pytest.param((0, 0, 0, 50_000, 20), 20.0, 1000, id="nothing-in-strh"),
        pytest.param((0, 0, 0, 50_000, 0, 20), 20.0, 1000, id="frames-in-dmlh"),
        pytest.param((1, 20, 0, 50_000, 20), 20.0, 1000, id="no-length"),
        pytest.param((1, 20, 0, 50_000, 0, 20), 20.0, 1000, id="length-in-dmlh"),
        pytest.param((1, 20, 0xFFFFFFFF, 50_000, 20), 20.0, 1000, id="absurd-length"),
        pytest.param((1, 1_000_000, 20, 50_000, 20), 20.0, 1000, id="absurd-rate"),
        pytest.param((1_000_000, 1, 20, 50_000, 20), 20.0, 1000, id="absurd-scale"),
        pytest.param((1, 20, 20, 33_333, 30), 20.0, 1000, id="avih-contradicts"),
        pytest.param((1, 480, 480, 2_083, 480), 480.077, 1000, id="slow-motion"),
        pytest.param((1, 480, 480, 0, 480), 480.0, 1000, id="slow-motion-without-avih"),
        pytest.param((10, 1, 6, 10_000_000, 6), 0.1, 60_000, id="time-lapse"),
        pytest.param((0, 0, 20, 0, 20), None, None, id="no-rate-anywhere"),
    ],
)
def test_avi_takes_missing_rate_and_length_from_main_header(
    header: tuple[int, ...], rate: float | None, duration: int | None
) -> None:
    found = avi(*header)
    assert found.frame_rate == rate
    assert found.duration_ms == (None if duration is None else pytest.approx(duration, abs=1))


# --- MP4 ----------------------------------------------------------------------------------------------------------

_BACK = 1 << 32


@pytest.mark.parametrize(
    ("runs", "rate"),
    [
        ([(299, 3600), (1, _BACK - 16)], 25.0),
        ([(24, 3600), (1, _BACK - 7200)], 25.0),
        ([(10, 3600), (1, 14_400), (1, _BACK - 7200), (13, 3600)], 25.0),
        ([(100, 3600), (1, 90_000), (1, _BACK - 82_800), (100, 3600)], 25.0),
        ([(1, 7200), (1, _BACK - 3600), (1, 7200)] * 30, 25.0),
        ([(5, 3600), (1, _BACK - 7_200_000), (20, 3600)], 26.0),
        ([(3, _BACK - 1)], None),
    ],
)
def test_negative_sample_duration_moves_back(runs: list[tuple[int, int]], rate: float | None) -> None:
    found = read(b.one_track(b.visual_entry(), b.stts(*runs)))
    assert found.frame_rate == (None if rate is None else pytest.approx(rate, rel=0.001))
    assert found.vfr is not True
