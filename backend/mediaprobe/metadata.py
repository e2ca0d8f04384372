"""What a probe answers: one frozen value, every field defined here with where it is read from.

Boxes are of ISO/IEC 14496-12 unless named otherwise, elements of RFC 9559 (Matroska), headers of Microsoft's
AVI RIFF reference and OpenDML 1.02. Unknown, absurd or not finite is always None, never a guess.

container           mp4, mov, avi, webm or mkv, by content. MP4: `ftyp` major brand (`qt  ` or no ftyp = mov);
                    Matroska: DocType; AVI: the RIFF form.
size_bytes          the whole file, as the source says.
fragmented          MP4: `moov/mvex` is there and the samples are described by `moof` boxes.
truncated           the header is readable and data it speaks of is missing: a top-level box, the Segment or
                    a RIFF list runs past the end, or the header has no media after it.
duration_ms         more than 0, at most 10 days; what the header states, even of data that is missing. MP4: `mvhd`,
                    else the longest `mdhd`; fragmented: the `mdhd` of empty tracks, else a `sidx` of the whole, else
                    the end of the last `moof` (`tfdt` + `trun`) on the movie's timeline, but `mehd` or `mvhd` where
                    finding that one would be dear; fragments beyond the stated end prolong it. Matroska:
                    Info/Duration x TimestampScale, else the last block's time and length less the first block's
                    time, also where Duration is absurdly short for the size. AVI: the longest `strh` length x
                    scale / rate, `dmlh` for OpenDML.
duration_source     header, fragments, tail (last cluster of a live recording) or index (`sidx`).
coded_width/height  the picture as coded, after cropping: H.264/HEVC SPS or AV1 sequence header when the
                    container carries one, else the sample entry (MP4), PixelWidth/PixelHeight less PixelCrop
                    (Matroska), `strf` (AVI).
sar                 sample (pixel) aspect ratio "num:den". MP4: `pasp`, else `tkhd` size against the sample
                    entry, else the SPS; Matroska: DisplayWidth/DisplayHeight, which default to square pixels;
                    AVI: `vprp` (OpenDML), else 1:1.
rotation            clockwise degrees to turn the picture for display, the nearest of 0/90/180/270. MP4: the
                    `tkhd` matrix times the `mvhd` matrix; Matroska: ProjectionPoseRoll, rectangular only.
width, height       what a viewer sees: the coded size widened by sar (height kept), swapped for 90 and 270.
video_codec         FFmpeg's name, by sample entry, CodecID or FourCC; the raw code when unknown.
audio_codec         the same for the first sound track; None = silent.
frame_rate          average frames a second. MP4: `stts` samples by their time (the first 4,096 runs), or `trun`
                    durations of the first and last fragment; Matroska: 1 / DefaultDuration, else the times of
                    blocks near the start or in the last cluster; AVI: `strh` rate / scale.
vfr                 whether more than one frame in twenty is a tenth longer or shorter than usual; None = no
                    frame times seen.
bit_rate            size_bytes x 8 / duration: of the whole file, in bits a second.
color_*             ITU-T H.273 names as FFmpeg prints them. MP4 `colr`, Matroska Colour, else SPS VUI, `av1C`,
                    `vpcC`.
hdr                 pq (SMPTE ST 2084), hlg (ARIB STD-B67), or sdr for every other stated transfer; None = not
                    stated.
dolby_vision        a `dvcC`, `dvvC` or `dvwC` configuration is there (box, or Matroska BlockAdditionMapping).
audio_channels, audio_sample_rate
                    MP4: the decoder configuration (`esds`, `dOps`, `dac3`, ...), else the sample entry;
                    Matroska: Channels, OutputSamplingFrequency or SamplingFrequency; AVI: WAVEFORMATEX.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from mediaprobe.findings import Findings, Picture, Sound
from mediaprobe.h273 import MATRICES, PRIMARIES, TRANSFERS

DurationSource = Literal["header", "fragments", "tail", "index"]
Hdr = Literal["sdr", "pq", "hlg"]

_MAX_DURATION_MS = 10 * 24 * 3600 * 1000
_MAX_SIDE = 65535
# Pixels more than eight times as wide as high, or the reverse, are a damaged ratio.
_MAX_SAR = 8
_MAX_FRAME_RATE = 1000
_MAX_CHANNELS = 64
_MAX_SAMPLE_RATE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The fields of one video; the module's docstring defines each."""

    container: str
    size_bytes: int
    fragmented: bool
    truncated: bool
    duration_ms: int | None
    duration_source: DurationSource | None
    width: int | None
    height: int | None
    coded_width: int | None
    coded_height: int | None
    sar: str | None
    rotation: Literal[0, 90, 180, 270]
    video_codec: str | None
    audio_codec: str | None
    frame_rate: float | None
    vfr: bool | None
    bit_rate: int | None
    hdr: Hdr | None
    dolby_vision: bool
    color_primaries: str | None
    color_transfer: str | None
    color_matrix: str | None
    audio_channels: int | None
    audio_sample_rate: int | None

    @property
    def duration_seconds(self) -> float | None:
        return None if self.duration_ms is None else self.duration_ms / 1000

    @property
    def metadata_complete(self) -> bool:
        """Duration, size, video codec and frame rate are known."""
        return None not in (self.duration_ms, self.width, self.height, self.video_codec, self.frame_rate)

    def as_json(self) -> dict[str, str | int | float | bool | None]:
        """All fields, and the derived ones under the names the API uses."""
        fields = dataclasses.asdict(self)
        return {
            **fields,
            "duration_seconds": self.duration_seconds,
            "metadata_complete": self.metadata_complete,
        }


def settle(findings: Findings, size_bytes: int) -> Metadata:
    """Turn raw findings into the answer: derive what is derived, drop what is absurd."""
    picture = findings.picture or Picture()
    sound = findings.sound or Sound()
    duration_ms = _duration_ms(findings.duration)
    coded = _coded_size(picture)
    sar = _sane_sar(picture.sar) if coded is not None else None
    display = _display_size(coded, sar, picture.rotation)
    rate = picture.frame_rate
    transfer = TRANSFERS.get(picture.transfer) if picture.transfer is not None else None
    return Metadata(
        container=findings.container,
        size_bytes=size_bytes,
        fragmented=findings.fragmented,
        truncated=findings.truncated,
        duration_ms=duration_ms,
        duration_source=findings.duration_source if duration_ms is not None else None,
        width=display[0] if display else None,
        height=display[1] if display else None,
        coded_width=coded[0] if coded else None,
        coded_height=coded[1] if coded else None,
        sar=f"{sar.numerator}:{sar.denominator}" if sar else None,
        rotation=picture.rotation,
        video_codec=picture.codec,
        audio_codec=sound.codec,
        frame_rate=round(float(rate), 3) if rate is not None and 0 < rate <= _MAX_FRAME_RATE else None,
        vfr=picture.vfr,
        bit_rate=round(size_bytes * 8000 / duration_ms) if duration_ms is not None else None,
        hdr=_hdr(transfer),
        dolby_vision=picture.dolby_vision,
        color_primaries=PRIMARIES.get(picture.primaries) if picture.primaries is not None else None,
        color_transfer=transfer,
        color_matrix=MATRICES.get(picture.matrix) if picture.matrix is not None else None,
        audio_channels=_within(sound.channels, _MAX_CHANNELS),
        audio_sample_rate=_within(sound.sample_rate, _MAX_SAMPLE_RATE),
    )


def _duration_ms(duration: Fraction | None) -> int | None:
    return _within(None if duration is None else round(duration * 1000), _MAX_DURATION_MS)


def _within(value: int | None, most: int) -> int | None:
    return value if value is not None and 0 < value <= most else None


def _coded_size(picture: Picture) -> tuple[int, int] | None:
    if 0 < picture.width <= _MAX_SIDE and 0 < picture.height <= _MAX_SIDE:
        return picture.width, picture.height
    return None


def _sane_sar(sar: Fraction | None) -> Fraction:
    if sar is None or not Fraction(1, _MAX_SAR) <= sar <= _MAX_SAR:
        return Fraction(1)
    return sar


def _display_size(
    coded: tuple[int, int] | None, sar: Fraction | None, rotation: int
) -> tuple[int, int] | None:
    if coded is None or sar is None:
        return None
    width, height = max(1, int(coded[0] * sar + Fraction(1, 2))), coded[1]
    if width > _MAX_SIDE:
        return None
    return (height, width) if rotation in (90, 270) else (width, height)


def _hdr(transfer: str | None) -> Hdr | None:
    if transfer is None:
        return None
    if transfer == "smpte2084":
        return "pq"
    return "hlg" if transfer == "arib-std-b67" else "sdr"
