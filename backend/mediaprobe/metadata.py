"""The result of a probe, with the definition and source of every field.

Boxes are those of ISO/IEC 14496-12 unless named otherwise, elements those of RFC 9559 (Matroska), headers those of
Microsoft's AVI RIFF reference and OpenDML 1.02. A value that is unknown, implausible or not finite is None.

container           mp4, mov, avi, webm or mkv, by content. In MP4 the major brand of `ftyp` (mov for `qt  ` or without
                    `ftyp`), in Matroska the DocType, in AVI the RIFF form.
size_bytes          the size of the file, from the source.
fragmented          whether the file has `moov/mvex`, unless it has no `moof` and `moov` describes samples (MP4).
truncated           whether data is missing that the readable header describes. A top-level box, the Segment or a
                    `movi` list extends past the end, an offset in `stco`, `co64`, `sidx` or `indx` lies behind it, the
                    last fragment or cluster is clearly earlier than the stated end, or no media follows the header.
available_percent   how much of the media data that the header describes is in the file, from 0 to 99 and rounded down,
                    if the file is truncated and its header says how much there should be. Bytes by the sizes and
                    offsets above, or time by the stated duration, if a Segment or the fragments state no size.
duration_ms         more than 0 and at most 10 days, as the header states it, also if data is missing. In MP4 `mvhd`,
                    else the longest `mdhd` or `stts`. In fragmented MP4 the `mdhd` of empty tracks, else a `sidx` of
                    the whole file, else the end of the last `moof` (`tfdt` or `tfxd` + `trun`) on the movie's
                    timeline. If finding that `moof` takes many requests, `mehd` or `mvhd` instead, unless the file's
                    size contradicts them. Fragments past the stated end extend it. In
                    Matroska Info/Duration x TimestampScale, else the time and duration of the last block minus the
                    time of the first one, also if Duration is too short for the file's size. In AVI the longest
                    `strh` length x scale / rate, or `dmlh` (OpenDML), or the frames of `avih` if `strh` has none.
duration_source     header, fragments, tail (last cluster of a live recording), index (`sidx`) or estimate (the time of
                    up to 24 fragments by their share of the bytes, at least a fifth, if the last one can't be found).
coded_width/height  the coded size after cropping, from an H.264/HEVC SPS or AV1 sequence header in the container, else
                    the sample entry (MP4), PixelWidth/PixelHeight (Matroska), or the first DV frame, `strf` or `avih`
                    (AVI). If a bitstream without a crop of its own has the same macroblocks, the smaller size of the
                    container, or of `tkhd` or DisplayHeight. Then PixelCrop is subtracted. `clap` (MP4) is ignored, as
                    in browsers and ffprobe.
sar                 sample (pixel) aspect ratio as "num:den". In MP4 a matrix that stretches, `pasp`, else the ratio of
                    the `tkhd` size to the coded size, else the SPS, else 12:11 for the standard formats of H.263. In
                    Matroska DisplayWidth/DisplayHeight, of the picture before or after PixelCrop, by default 1:1. In
                    AVI `vprp` (OpenDML), else the SPS or the first DV frame. 1:1 without any of them.
rotation            clockwise degrees to rotate for display, rounded to 0/90/180/270. In MP4 the `tkhd` matrix times
                    the `mvhd` matrix. In Matroska ProjectionPoseRoll of a rectangular projection.
mirrored            whether the picture is flipped from left to right before it is rotated, as in Exif. In MP4 the
                    matrix has a negative determinant. In Matroska ProjectionPoseYaw or ProjectionPosePitch is 180.
crop                the pixels of the stored picture that the container hides, as "left:top:right:bottom", or None. From
                    PixelCrop (Matroska). The coded size excludes them.
width, height       the displayed size, which is the coded width times sar and the coded height, swapped for a rotation
                    of 90 or 270.
video_codec         FFmpeg's name of the sample entry, CodecID or FourCC, or the code itself if it is unknown.
audio_codec         the same for the first audio track, or None without one.
frame_rate          average frames per second. In MP4 the number of `stts` samples by their duration (the first 4,096
                    runs), or `trun` durations of the first and last fragment. In Matroska 1 / DefaultDuration, or
                    half of that if it is the duration of a field, else the times of blocks near the start or in the
                    last cluster, also if they vary and differ from DefaultDuration by over a quarter. In AVI `strh`
                    rate / scale, or the frame time of `avih` if that is implausible, or the first DV frame.
vfr                 whether more than 1 frame in 20 is 10% longer or shorter than the median, or None without frame
                    times. Never in AVI.
bit_rate            size_bytes x 8 / duration, the bits per second of the whole file.
color_*             ITU-T H.273 names as FFmpeg prints them. From `colr` (MP4) or Colour (Matroska), else SPS VUI,
                    `av1C` or `vpcC`. The Dolby Vision record gives an unspecified transfer.
hdr                 pq (SMPTE ST 2084), hlg (ARIB STD-B67), sdr for every other transfer, or None without one.
dolby_vision        whether a `dvcC`, `dvvC` or `dvwC` box, or such a BlockAdditionMapping (Matroska), exists.
audio_channels, audio_sample_rate
                    In MP4 the decoder configuration (`esds`, `dOps`, `dac3`, ...), else the sample entry. In Matroska
                    Channels, OutputSamplingFrequency or SamplingFrequency. In AVI WAVEFORMATEX, or in DV
                    type 1 the first frame.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from mediaprobe.findings import Audio, DurationSource, Findings, Rotation, Video
from mediaprobe.h273 import MATRICES, PRIMARIES, TRANSFERS

Hdr = Literal["sdr", "pq", "hlg"]

_MAX_DURATION_MS = 10 * 24 * 3600 * 1000
_MAX_SIDE = 65535
# A sample aspect ratio beyond 8:1 or 1:8 is implausible.
_MAX_SAR = 8
_MAX_FRAME_RATE = 1000
_MAX_CHANNELS = 64
_MAX_SAMPLE_RATE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The metadata of one video. The module's docstring defines each field."""

    container: str
    size_bytes: int
    fragmented: bool
    truncated: bool
    available_percent: int | None
    duration_ms: int | None
    duration_source: DurationSource | None
    width: int | None
    height: int | None
    coded_width: int | None
    coded_height: int | None
    sar: str | None
    rotation: Rotation
    mirrored: bool
    crop: str | None
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
        """Whether duration, size, video codec and frame rate are known."""
        return None not in (self.duration_ms, self.width, self.height, self.video_codec, self.frame_rate)

    def as_json(self) -> dict[str, str | int | float | bool | None]:
        """Return all fields and the derived ones under the API's names."""
        fields = dataclasses.asdict(self)
        return {
            **fields,
            "duration_seconds": self.duration_seconds,
            "metadata_complete": self.metadata_complete,
        }


def build_metadata(findings: Findings, size_bytes: int) -> Metadata:
    """Return the metadata of the findings, with derived fields and without implausible values."""
    video = findings.video or Video()
    audio = findings.audio or Audio()
    duration_ms = _duration_ms(findings.duration)
    coded = _coded_size(video)
    sar = _sane_sar(video.sar) if coded is not None else None
    display = _display_size(coded, sar, video.rotation)
    rate = video.frame_rate
    transfer = TRANSFERS.get(video.transfer) if video.transfer is not None else None
    return Metadata(
        container=findings.container,
        size_bytes=size_bytes,
        fragmented=findings.fragmented,
        truncated=findings.truncated,
        available_percent=_available_percent(findings),
        duration_ms=duration_ms,
        duration_source=findings.duration_source if duration_ms is not None else None,
        width=display[0] if display else None,
        height=display[1] if display else None,
        coded_width=coded[0] if coded else None,
        coded_height=coded[1] if coded else None,
        sar=f"{sar.numerator}:{sar.denominator}" if sar else None,
        rotation=video.rotation,
        mirrored=video.mirrored,
        crop=":".join(map(str, video.crop)) if 0 < max(video.crop) <= _MAX_SIDE else None,
        video_codec=video.codec,
        audio_codec=audio.codec,
        frame_rate=round(float(rate), 3) if rate is not None and 0 < rate <= _MAX_FRAME_RATE else None,
        vfr=video.vfr,
        bit_rate=round(size_bytes * 8000 / duration_ms) if duration_ms is not None else None,
        hdr=_hdr(transfer),
        dolby_vision=video.dolby_vision,
        color_primaries=PRIMARIES.get(video.primaries) if video.primaries is not None else None,
        color_transfer=transfer,
        color_matrix=MATRICES.get(video.matrix) if video.matrix is not None else None,
        audio_channels=_within(audio.channels, _MAX_CHANNELS),
        audio_sample_rate=_within(audio.sample_rate, _MAX_SAMPLE_RATE),
    )


def _available_percent(findings: Findings) -> int | None:
    if not findings.truncated or findings.available is None or not 0 <= findings.available < 1:
        return None
    return int(findings.available * 100)


def _duration_ms(duration: Fraction | None) -> int | None:
    return _within(None if duration is None else round(duration * 1000), _MAX_DURATION_MS)


def _within(value: int | None, most: int) -> int | None:
    return value if value is not None and 0 < value <= most else None


def _coded_size(video: Video) -> tuple[int, int] | None:
    if 0 < video.width <= _MAX_SIDE and 0 < video.height <= _MAX_SIDE:
        return video.width, video.height
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
