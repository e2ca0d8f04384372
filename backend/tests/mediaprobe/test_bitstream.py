"""Sequence headers of real encoders."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaprobe import bitstream
from mediaprobe.bitstream import SequenceHeader
from tests import media
from tests.mediaprobe.builders import PPS, SPS, avcc


def box_content(data: bytes, kind: bytes) -> bytes:
    at = data.index(kind)
    return data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")]


def configuration(tmp_path: Path, kind: bytes, *options: str, width: int = 320, height: int = 240) -> bytes:
    path = media.make_video(tmp_path / "a.mp4", "mp4", 0.2, width, height, audio=False, options=options)
    return box_content(path.read_bytes(), kind)


_COLOUR = ("-color_primaries", "bt2020", "-color_trc", "arib-std-b67", "-colorspace", "bt2020nc")
_HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1")


def test_reads_avc_size() -> None:
    header = bitstream.avc_configuration(avcc()[8:])
    assert header is not None
    assert (header.width, header.height) == (640, 360)


@pytest.mark.parametrize("size", [(16, 16), (322, 182), (1920, 1080), (64, 2), (258, 130)])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p"])
def test_reads_cropped_avc_size(tmp_path: Path, size: tuple[int, int], pixels: str) -> None:
    header = bitstream.avc_configuration(
        configuration(tmp_path, b"avcC", "-pix_fmt", pixels, width=size[0], height=size[1])
    )
    assert header is not None
    assert (header.width, header.height) == size


def test_reads_interlaced_avc_size(tmp_path: Path) -> None:
    options = ("-flags", "+ildct+ilme", "-x264-params", "interlaced=1")
    header = bitstream.avc_configuration(configuration(tmp_path, b"avcC", *options, width=720, height=572))
    assert header is not None
    assert (header.width, header.height) == (720, 572)


@pytest.mark.parametrize("sar", ["12/11", "4/3", "37/33"])
def test_reads_avc_aspect_ratio_and_colour(tmp_path: Path, sar: str) -> None:
    header = bitstream.avc_configuration(configuration(tmp_path, b"avcC", "-vf", f"setsar={sar}", *_COLOUR))
    assert header is not None
    assert header.sar == Fraction(sar)
    assert (header.primaries, header.transfer, header.matrix) == (9, 18, 9)


def test_reads_avc_with_scaling_lists(tmp_path: Path) -> None:
    options = ("-preset", "medium", "-x264-params", "cqm=jvt", *_COLOUR)
    header = bitstream.avc_configuration(configuration(tmp_path, b"avcC", *options))
    assert header is not None
    assert (header.width, header.height, header.transfer) == (320, 240, 18)


@pytest.mark.parametrize("size", [(322, 182), (1920, 1080), (64, 66)])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le", "yuv444p12le", "gray"])
def test_reads_hevc_size_aspect_ratio_and_colour(tmp_path: Path, size: tuple[int, int], pixels: str) -> None:
    options = (*_HEVC, "-x265-params", "log-level=none", "-vf", "setsar=16/11", "-pix_fmt", pixels, *_COLOUR)
    header = bitstream.hevc_configuration(
        configuration(tmp_path, b"hvcC", *options, width=size[0], height=size[1])
    )
    assert header is not None
    assert (header.width, header.height) == size
    assert header.sar == Fraction(16, 11)
    assert (header.primaries, header.transfer, header.matrix) == (9, 18, 9)


@pytest.mark.parametrize(
    "params",
    ["temporal-layers=3", "scaling-list=default", "bframes=8:ref=6:b-pyramid=1", "ctu=16:no-open-gop=1"],
)
def test_reads_hevc_with_optional_fields_before_vui(tmp_path: Path, params: str) -> None:
    options = (
        "-c:v",
        "libx265",
        "-preset",
        "medium",
        "-tag:v",
        "hvc1",
        "-x265-params",
        f"log-level=none:{params}",
    )
    header = bitstream.hevc_configuration(configuration(tmp_path, b"hvcC", *options, *_COLOUR))
    assert header is not None
    assert (header.width, header.height, header.transfer) == (320, 240, 18)


@pytest.mark.parametrize("depth", ["yuv420p", "yuv420p10le"])
def test_reads_av1_size_and_colour(tmp_path: Path, depth: str) -> None:
    options = ("-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-pix_fmt", depth, *_COLOUR)
    header = bitstream.av1_configuration(configuration(tmp_path, b"av1C", *options, width=322, height=182))
    assert header is not None
    assert (header.width, header.height) == (322, 182)
    assert (header.primaries, header.transfer, header.matrix) == (9, 18, 9)


def test_reads_colour_of_vp9_configuration() -> None:
    header = bitstream.vp_configuration(bytes([1, 0, 0, 0, 2, 31, 0xA2, 9, 16, 9, 0, 0]))
    assert header == SequenceHeader(primaries=9, transfer=16, matrix=9)


@pytest.mark.parametrize(
    "read",
    [
        bitstream.avc_configuration,
        bitstream.hevc_configuration,
        bitstream.av1_configuration,
        bitstream.vp_configuration,
    ],
)
@given(data=st.binary(max_size=300))
def test_any_configuration_gives_header_or_none(read: bitstream.ConfigurationReader, data: bytes) -> None:
    header = read(data)
    assert header is None or isinstance(header, SequenceHeader)


@given(cut=st.integers(0, len(SPS)))
def test_truncated_sps_gives_size_or_none(cut: int) -> None:
    header = bitstream.h264_sps(SPS[:cut])
    assert header is None or (header.width, header.height) in {(640, 360), (640, 368)}


def test_removes_emulation_prevention_bytes() -> None:
    """The SPS of a 4096 x 2304 video contains 00 00 03."""
    assert bitstream._unescape(b"\x00\x00\x03\x01\x00\x00\x03\x00\x00\x03") == b"\x00\x00\x01\x00\x00\x00\x00"
    assert len(PPS) == 6
