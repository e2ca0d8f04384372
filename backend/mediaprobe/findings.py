"""What the parsers write down while they read: plain numbers, not yet checked or derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Rotation = Literal[0, 90, 180, 270]


@dataclass(slots=True)
class Picture:
    """The picture track that was chosen."""

    codec: str | None = None
    width: int = 0
    height: int = 0
    sar: Fraction | None = None
    rotation: Rotation = 0
    frame_rate: Fraction | None = None
    vfr: bool | None = None
    # ITU-T H.273 code points
    primaries: int | None = None
    transfer: int | None = None
    matrix: int | None = None
    dolby_vision: bool = False
    # As the container states it; only to judge whether the file is complete.
    stated_bit_rate: int = 0


@dataclass(slots=True)
class Sound:
    """The sound track that was chosen."""

    codec: str | None = None
    channels: int | None = None
    sample_rate: int | None = None
    stated_bit_rate: int = 0


@dataclass(slots=True)
class Findings:
    container: str
    fragmented: bool = False
    truncated: bool = False
    duration: Fraction | None = None
    duration_source: Literal["header", "fragments", "tail", "index"] | None = None
    picture: Picture | None = None
    sound: Sound | None = None


def ratio(numerator: int, denominator: int) -> Fraction | None:
    """A positive fraction, or None: headers carry zeros where nothing is known."""
    return Fraction(numerator, denominator) if numerator > 0 and denominator > 0 else None


def right_angle(degrees: float) -> Rotation:
    """The nearest quarter turn."""
    quarters: tuple[Rotation, ...] = (0, 90, 180, 270)
    return quarters[round(degrees / 90) % 4]


def uneven(lengths: Mapping[int, int]) -> bool:
    """Whether frames last differently: more than one in twenty is a tenth (and two units) off the usual length.

    Takes how many frames last how many units. One odd frame at an end is no variable rate, nor is the rounding
    of 29.97 frames a second to whole units.
    """
    usual = sum(lengths[length] for length in _usual(lengths))
    total = sum(lengths.values())
    return (total - usual) * 20 > total


def usual_length(lengths: Mapping[int, int]) -> Fraction:
    """The average length of the frames that are not odd ones."""
    usual = _usual(lengths)
    return Fraction(
        sum(length * lengths[length] for length in usual), sum(lengths[length] for length in usual)
    )


def _usual(lengths: Mapping[int, int]) -> list[int]:
    """The lengths about as long as the middle one."""
    total, seen, middle = sum(lengths.values()), 0, 0
    for middle in sorted(lengths):
        seen += lengths[middle]
        if seen * 2 >= total:
            break
    return [length for length in lengths if abs(length - middle) <= max(2, middle / 10)]
