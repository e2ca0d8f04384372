"""Reads the first blocks of a DV frame (IEC 61834-2 and SMPTE 314M), which AVI files of camcorders contain."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from mediaprobe.findings import Audio

_BLOCK = 80
# The pack of the video source in the third VAUX block, and the pack of its control data after that
_VIDEO_SOURCE, _VIDEO_CONTROL = 5 * _BLOCK + 48, 5 * _BLOCK + 53
# The pack of the audio source in the fourth audio block, each of which follows 15 video blocks
_AUDIO_SOURCE = 6 * _BLOCK + 3 * 16 * _BLOCK + 3
HEAD = _AUDIO_SOURCE + 5
_SAMPLE_RATES = (48000, 44100, 32000)


class Frame(NamedTuple):
    width: int
    height: int
    sar: Fraction
    frame_rate: Fraction
    audio: Audio | None


def read_frame(data: bytes) -> Frame | None:
    """Return the format of a frame, or None if these are not the first bytes of one."""
    if len(data) < _VIDEO_CONTROL + 5 or data[0] & 0xE0 or data[_VIDEO_SOURCE] != 0x60:
        return None
    pal = data[3] & 0x80 != 0
    # Signal type 0 is 25 Mbit/s and 4 is 50 Mbit/s. The others are high definition.
    if data[_VIDEO_SOURCE + 3] & 0x1F not in (0, 4):
        return None
    wide = data[_VIDEO_CONTROL] == 0x61 and data[_VIDEO_CONTROL + 2] & 0x07 in (0x02, 0x07)
    if pal:
        sar, rate = Fraction(64, 45) if wide else Fraction(16, 15), Fraction(25)
    else:
        sar, rate = Fraction(32, 27) if wide else Fraction(8, 9), Fraction(30000, 1001)
    return Frame(720, 576 if pal else 480, sar, rate, _audio(data[_AUDIO_SOURCE : _AUDIO_SOURCE + 5]))


def _audio(source: bytes) -> Audio | None:
    if len(source) < 5 or source[0] != 0x50:
        return None
    sampling = source[4] >> 3 & 0x07
    return Audio("pcm_s16le", 2, _SAMPLE_RATES[sampling] if sampling < len(_SAMPLE_RATES) else None)
