"""Reads BITMAPINFOHEADER and WAVEFORMATEX, which AVI and Matroska use."""

from __future__ import annotations

from typing import NamedTuple

from mediaprobe import codecs

# The size of BITMAPINFOHEADER. The configuration of the codec follows.
BITMAP_INFO = 40


class BitmapInfo(NamedTuple):
    codec: str | None
    width: int
    height: int


class WaveFormat(NamedTuple):
    codec: str | None
    channels: int | None
    sample_rate: int | None


def read_bitmap_info(data: bytes) -> BitmapInfo:
    """Return codec and size. A negative height means that the rows run from the top down."""
    if len(data) < 20:
        return BitmapInfo(None, 0, 0)
    width = int.from_bytes(data[4:8], "little", signed=True)
    height = abs(int.from_bytes(data[8:12], "little", signed=True))
    return BitmapInfo(codecs.avi_video(data[16:20]), width, height)


def read_wave_format(data: bytes) -> WaveFormat:
    if len(data) < 14:
        return WaveFormat(None, None, None)
    tag = int.from_bytes(data[:2], "little")
    bits = int.from_bytes(data[14:16], "little")
    if tag == codecs.WAVE_EXTENSIBLE and len(data) >= 26:
        # In WAVEFORMATEXTENSIBLE the tag is in the first bytes of SubFormat.
        tag = int.from_bytes(data[24:26], "little")
    return WaveFormat(
        codecs.wave_audio(tag, bits), int.from_bytes(data[2:4], "little"), int.from_bytes(data[4:8], "little")
    )
