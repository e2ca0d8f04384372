"""The raw values that the parsers read, neither checked nor derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Rotation = Literal[0, 90, 180, 270]
DurationSource = Literal["header", "fragments", "tail", "index", "estimate"]


@dataclass(slots=True)
class Video:
    """Values of the chosen video track."""

    codec: str | None = None
    width: int = 0
    height: int = 0
    sar: Fraction | None = None
    rotation: Rotation = 0
    # Whether the picture is flipped from left to right before it is rotated
    mirrored: bool = False
    # What the container hides of the stored picture, in pixels at the left, top, right and bottom
    crop: tuple[int, int, int, int] = (0, 0, 0, 0)
    frame_rate: Fraction | None = None
    vfr: bool | None = None
    # ITU-T H.273 code points
    primaries: int | None = None
    transfer: int | None = None
    matrix: int | None = None
    dolby_vision: bool = False
    # The DOVIDecoderConfigurationRecord, if Dolby Vision has one
    dolby_vision_record: bytes = b""
    # From the container. It only serves to estimate whether the file is complete.
    stated_bit_rate: int = 0


@dataclass(slots=True)
class Audio:
    """Values of the chosen audio track."""

    codec: str | None = None
    channels: int | None = None
    sample_rate: int | None = None
    stated_bit_rate: int = 0


@dataclass(slots=True)
class Findings:
    container: str
    fragmented: bool = False
    truncated: bool = False
    # The share of the media data that is there, if the file is truncated and its header says how much there should be
    available: Fraction | None = None
    duration: Fraction | None = None
    duration_source: DurationSource | None = None
    video: Video | None = None
    audio: Audio | None = None


def ratio(numerator: int, denominator: int) -> Fraction | None:
    """Return a positive fraction, or None, because headers have 0 for an unknown value."""
    return Fraction(numerator, denominator) if numerator > 0 and denominator > 0 else None


def right_angle(degrees: float) -> Rotation:
    """Return the nearest multiple of 90 degrees."""
    quarters: tuple[Rotation, ...] = (0, 90, 180, 270)
    return quarters[round(degrees / 90) % 4]


def is_variable(durations: Mapping[int, int]) -> bool:
    """Return whether more than 1 in 20 frames differs from the median duration by over 10% and over 2 units.

    `durations` counts frames by duration. A single odd frame at an end is no variable rate, nor is the rounding of
    29.97 frames a second to whole units.
    """
    typical = sum(durations[duration] for duration in _typical(durations))
    total = sum(durations.values())
    return (total - typical) * 20 > total


def typical_duration(durations: Mapping[int, int]) -> Fraction:
    """Return the average duration of the frames near the median."""
    typical = _typical(durations)
    return Fraction(
        sum(duration * durations[duration] for duration in typical),
        sum(durations[duration] for duration in typical),
    )


def _typical(durations: Mapping[int, int]) -> list[int]:
    total, seen, median = sum(durations.values()), 0, 0
    for median in sorted(durations):
        seen += durations[median]
        if seen * 2 >= total:
            break
    return [duration for duration in durations if abs(duration - median) <= max(2, median / 10)]
