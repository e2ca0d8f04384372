"""What the header of an ISO base media file describes."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from mediaprobe.findings import ratio
from mediaprobe.fragments import Tracks
from mediaprobe.tracks import IDENTITY, Matrix, Track


@dataclass(slots=True)
class Movie:
    timescale: int = 0
    duration: int = 0
    matrix: Matrix = IDENTITY
    tracks: list[Track] = field(default_factory=list)
    fragmented: bool = False
    fragment_duration: int = 0
    sample_durations: dict[int, int] = field(default_factory=dict)
    external: bool = False
    # Whether a compressed header was read. A file has at most one, and none is inside another.
    inflated: bool = False
    # Whether a video and an audio track with samples were found
    complete: bool = False
    # Whether every box was read and none of them can hide a picture track
    understood: bool = True
    # Where the media data begins, if the size of `moov` includes it
    overrun: int | None = None

    def tracks_with_media(self) -> Tracks:
        """Return the tracks with pictures or sound."""
        return {t.id: (t.timescale, self.delay(t)) for t in self.tracks if t.video or t.audio}

    def delay(self, track: Track) -> Fraction:
        """Return the seconds before the track begins."""
        return ratio(track.empty_edit, self.timescale) or Fraction(0)
