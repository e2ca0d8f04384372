"""Derived fields, and limits of values."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaprobe import Metadata, metadata
from mediaprobe.findings import Audio, Findings, Video, is_variable, right_angle, typical_duration
from mediaprobe.metadata import build_metadata


def build(video: Video | None = None, **fields: object) -> Metadata:
    findings = Findings("mp4", video=video or Video("h264", 640, 360, frame_rate=Fraction(30)))
    findings.duration, findings.duration_source = Fraction(10), "header"
    return build_metadata(dataclasses.replace(findings, **fields), 1_000_000)  # type: ignore[arg-type]  # a test's shorthand


def test_metadata_is_complete_with_duration_size_codec_and_rate() -> None:
    assert build().metadata_complete
    assert not build(duration=None).metadata_complete
    assert not build(Video("h264", 640, 360)).metadata_complete
    assert not build(Video(None, 640, 360, frame_rate=Fraction(30))).metadata_complete
    assert not build(Video("h264", 0, 0, frame_rate=Fraction(30))).metadata_complete


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (Fraction(1, 3), 333),
        (Fraction(1, 10_000), None),
        (Fraction(0), None),
        (Fraction(-5), None),
        (Fraction(10 * 86400), 864_000_000),
        (Fraction(10 * 86400 + 1), None),
        (Fraction(1 << 400), None),
    ],
)
def test_duration_is_at_most_10_days(duration: Fraction, expected: int | None) -> None:
    found = build(duration=duration)
    assert found.duration_ms == expected
    assert (found.duration_source is None) == (found.bit_rate is None) == (expected is None)


@pytest.mark.parametrize(
    ("crop", "text"),
    [
        ((0, 0, 0, 0), None),
        ((0, 140, 0, 140), "0:140:0:140"),
        ((0, 0, 0, 65535), "0:0:0:65535"),
        ((0, 1 << 60, 0, 0), None),
    ],
)
def test_crop_fits_its_column(crop: tuple[int, int, int, int], text: str | None) -> None:
    assert build(Video("h264", 640, 360, crop=crop)).crop == text


@pytest.mark.parametrize(
    ("sar", "rotation", "shown"),
    [
        (None, 0, (640, 360)),
        (Fraction(4, 3), 0, (853, 360)),
        (Fraction(4, 3), 90, (360, 853)),
        (Fraction(1, 2), 180, (320, 360)),
        (Fraction(9), 0, (640, 360)),
        (Fraction(1, 9), 0, (640, 360)),
    ],
)
def test_display_size_applies_sar_before_rotation(
    sar: Fraction | None, rotation: int, shown: tuple[int, int]
) -> None:
    video = Video("h264", 640, 360, sar=sar)
    video.rotation = right_angle(rotation)
    found = build(video)
    assert (found.width, found.height) == shown
    assert (found.coded_width, found.coded_height) == (640, 360)


@pytest.mark.parametrize(
    ("transfer", "hdr"),
    [(16, "pq"), (18, "hlg"), (1, "sdr"), (14, "sdr"), (2, None), (0, None), (None, None), (99, None)],
)
def test_hdr_depends_on_transfer(transfer: int | None, hdr: str | None) -> None:
    assert build(Video("hevc", 64, 64, transfer=transfer)).hdr == hdr


def test_bit_rate_includes_whole_file() -> None:
    assert build().bit_rate == 800_000


@pytest.mark.parametrize(
    ("rate", "shown"), [(Fraction(30000, 1001), 29.97), (Fraction(1001), None), (Fraction(1, 9), 0.111)]
)
def test_frame_rate_has_three_decimals_and_a_limit(rate: Fraction, shown: float | None) -> None:
    assert build(Video("h264", 64, 64, frame_rate=rate)).frame_rate == shown


@given(
    st.integers(-(1 << 64), 1 << 64),
    st.integers(-(1 << 40), 1 << 40),
    st.fractions() | st.none(),
    st.fractions(),
    st.integers(0, 1 << 64),
)
def test_any_findings_give_valid_json(
    width: int, height: int, sar: Fraction | None, duration: Fraction, channels: int
) -> None:
    video = Video("x", width, height, sar=sar, frame_rate=duration)
    found = build(video, duration=duration, audio=Audio("y", channels, channels))
    json.dumps(found.as_json(), allow_nan=False)
    for side in (found.width, found.height):
        assert side is None or 0 < side <= 65535


@pytest.mark.parametrize(
    ("degrees", "turn"),
    [(0, 0), (89, 90), (90, 90), (-90, 270), (450, 90), (180, 180), (-180, 180), (44, 0), (359.9, 0)],
)
def test_rounds_to_right_angle(degrees: float, turn: int) -> None:
    assert right_angle(degrees) == turn


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ({3000: 100}, False),
        ({3000: 100, 1500: 1}, False),
        ({20: 98, 21: 2}, False),
        ({33: 67, 34: 33}, False),
        ({3000: 50, 6000: 50}, True),
        ({33: 90, 66: 10}, True),
        ({}, False),
    ],
)
def test_detects_variable_frame_rate(lengths: dict[int, int], expected: bool) -> None:
    assert is_variable(lengths) is expected


def test_typical_duration_excludes_odd_frames() -> None:
    assert typical_duration({3000: 59, 9000: 1}) == 3000
    assert typical_duration({33: 2, 34: 1}) == Fraction(100, 3)


def test_docstring_defines_every_field() -> None:
    assert metadata.__doc__ is not None
    for field in dataclasses.fields(Metadata):
        family = {"coded_width": "coded_width/height", "coded_height": "coded_width/height"}.get(
            field.name, field.name
        )
        family = "color_*" if family.startswith("color_") else family
        assert family in metadata.__doc__, field.name
