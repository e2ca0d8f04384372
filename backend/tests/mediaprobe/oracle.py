"""Compares metadata with Debian's ffprobe in eight fields."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from mediaprobe import Metadata
from tests.waiting import TIMEOUT_SECONDS

FIELDS = (
    "container",
    "duration",
    "display size",
    "coded size",
    "rotation",
    "video codec",
    "audio codec",
    "frame rate",
)


@dataclass(frozen=True)
class Answer:
    """The values of ffprobe, None if it has none."""

    family: str
    duration: float | None
    width: int
    height: int
    coded_width: int
    coded_height: int
    rotation: int
    video_codec: str | None
    audio_codec: str | None
    frame_rate: float | None

    @property
    def sane(self) -> bool:
        """Whether ffprobe has a duration, a size and a frame rate below 240."""
        return bool(self.duration and self.width and self.frame_rate and self.frame_rate < 240)


def ask(path: Path) -> Answer | None:
    """Return the values of ffprobe, or None if it finds no video."""
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_SECONDS)
    if done.returncode != 0:
        return None
    result = json.loads(done.stdout)
    videos = [
        s for s in result["streams"] if s["codec_type"] == "video" and not s["disposition"]["attached_pic"]
    ]
    audios = [s for s in result["streams"] if s["codec_type"] == "audio"]
    if not videos:
        return None
    video = videos[0]
    rotation = next((s["rotation"] for s in video.get("side_data_list", ()) if "rotation" in s), 0)
    # ffprobe's rotation is counter-clockwise.
    clockwise = round(-rotation / 90) % 4 * 90
    width, height = video["width"], video["height"]
    sar = _ratio(video.get("sample_aspect_ratio", "1:1").replace(":", "/")) or Fraction(1)
    shown = (round(width * sar), height)
    if clockwise in (90, 270):
        shown = shown[::-1]
    duration = result["format"].get("duration")
    rate = _ratio(video["avg_frame_rate"]) or _ratio(video["r_frame_rate"])
    return Answer(
        family=_family(result["format"]["format_name"]),
        duration=float(duration) if duration else None,
        width=shown[0],
        height=shown[1],
        coded_width=width,
        coded_height=height,
        rotation=clockwise,
        video_codec=video.get("codec_name"),
        audio_codec=audios[0].get("codec_name") if audios else None,
        frame_rate=float(rate) if rate else None,
    )


def _ratio(text: str) -> Fraction | None:
    above, _, below = text.partition("/")
    return Fraction(int(above), int(below)) if int(below) and int(above) else None


def _family(format_name: str) -> str:
    names = format_name.split(",")
    return next(
        (ours for name, ours in (("mov", "mp4"), ("matroska", "mkv"), ("avi", "avi")) if name in names), ""
    )


def differences(ours: Metadata, theirs: Answer) -> dict[str, tuple[object, object]]:
    """Return the fields that differ, as (ours, ffprobe's)."""
    family = {"mov": "mp4", "webm": "mkv"}.get(ours.container, ours.container)
    pairs: dict[str, tuple[object, object, bool]] = {
        "container": (family, theirs.family, family == theirs.family),
        "duration": (
            ours.duration_seconds,
            theirs.duration,
            _near(ours.duration_seconds, theirs.duration, absolute=0.1),
        ),
        "display size": (
            (ours.width, ours.height),
            (theirs.width, theirs.height),
            # One pixel of rounding
            abs((ours.width or 0) - theirs.width) <= 1 and abs((ours.height or 0) - theirs.height) <= 1,
        ),
        "coded size": (
            (ours.coded_width, ours.coded_height),
            (theirs.coded_width, theirs.coded_height),
            (ours.coded_width, ours.coded_height) == (theirs.coded_width, theirs.coded_height),
        ),
        "rotation": (ours.rotation, theirs.rotation, ours.rotation == theirs.rotation),
        "video codec": (ours.video_codec, theirs.video_codec, ours.video_codec == theirs.video_codec),
        "audio codec": (ours.audio_codec, theirs.audio_codec, ours.audio_codec == theirs.audio_codec),
        "frame rate": (
            ours.frame_rate,
            theirs.frame_rate,
            _near(ours.frame_rate, theirs.frame_rate, absolute=0),
        ),
    }
    return {name: (mine, other) for name, (mine, other, same) in pairs.items() if not same}


def _near(ours: float | None, theirs: float | None, absolute: float) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return abs(ours - theirs) <= max(absolute, theirs / 100)
