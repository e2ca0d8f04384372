"""Rotation, mirroring and stretching by the matrices of MP4 and the pose of Matroska."""

from __future__ import annotations

import struct

import pytest

from mediaprobe import BytesSource, Metadata, probe
from tests.mediaprobe import builders as b

# a, b, c and d of the matrix, by Exif orientation, with clockwise rotation and whether the picture is mirrored first.
Turn = tuple[float, float, float, float]
_IDENTITY: Turn = (1, 0, 0, 1)
EXIF: dict[int, tuple[Turn, int, bool]] = {
    1: ((1, 0, 0, 1), 0, False),
    2: ((-1, 0, 0, 1), 0, True),
    3: ((-1, 0, 0, -1), 180, False),
    4: ((1, 0, 0, -1), 180, True),
    5: ((0, 1, 1, 0), 270, True),
    6: ((0, 1, -1, 0), 90, False),
    7: ((0, -1, -1, 0), 90, True),
    8: ((0, -1, 1, 0), 270, False),
}


def matrix(turn: Turn) -> bytes:
    a, b_, c, d = (round(value * 65536) for value in turn)
    return struct.pack(">9i", a, b_, 0, c, d, 0, 0, 0, 1 << 30)


def product(first: Turn, then: Turn) -> Turn:
    a, b_, c, d = first
    e, f, g, h = then
    return a * e + b_ * g, a * f + b_ * h, c * e + d * g, c * f + d * h


def displayed(track: Turn, movie: Turn = _IDENTITY, size: tuple[int, int] = (640, 360)) -> Metadata:
    entry = b.visual_entry(b"mp4v", *size, b.box(b"free"))
    header = b.tkhd(1, 0, *size).replace(b.MATRIX, matrix(track))
    film = b.trak(1, b"vide", entry, 90000, [(30, 3000)], header=header)
    return probe(BytesSource(b.moov(b.mvhd(1000).replace(b.MATRIX, matrix(movie)), film)))


@pytest.mark.parametrize("orientation", EXIF)
def test_matrix_gives_exif_orientation(orientation: int) -> None:
    turn, rotation, mirrored = EXIF[orientation]
    size = (360, 640) if rotation in (90, 270) else (640, 360)
    for found in (displayed(turn), displayed(_IDENTITY, turn)):
        assert (found.rotation, found.mirrored) == (rotation, mirrored)
        assert (found.width, found.height, found.sar) == (*size, "1:1")


@pytest.mark.parametrize("of_track", EXIF)
@pytest.mark.parametrize("of_movie", EXIF)
def test_matrices_of_track_and_movie_multiply(of_track: int, of_movie: int) -> None:
    both = product(EXIF[of_track][0], EXIF[of_movie][0])
    expected = next((rotation, mirrored) for turn, rotation, mirrored in EXIF.values() if turn == both)
    found = displayed(EXIF[of_track][0], EXIF[of_movie][0])
    assert (found.rotation, found.mirrored) == expected


@pytest.mark.parametrize(
    ("track", "movie", "size", "sar"),
    [
        ((64 / 45, 0, 0, 1), _IDENTITY, (768, 576), "64:45"),
        (_IDENTITY, (64 / 45, 0, 0, 1), (768, 576), "64:45"),
        ((8 / 9, 0, 0, 1), (1.6, 0, 0, 1), (768, 576), "64:45"),
        ((2, 0, 0, 1), (0.5, 0, 0, 1), (540, 576), "1:1"),
        ((2, 0, 0, 2), _IDENTITY, (540, 576), "1:1"),
        ((0, 1, -1, 0), (1, 0, 0, 64 / 45), (576, 768), "64:45"),
        ((0, 64 / 45, -1, 0), _IDENTITY, (576, 768), "64:45"),
        ((64 / 45, 0, 0, 1), (0, 1, -1, 0), (576, 768), "64:45"),
        ((-64 / 45, 0, 0, 1), _IDENTITY, (768, 576), "64:45"),
    ],
)
def test_matrices_stretch_together(track: Turn, movie: Turn, size: tuple[int, int], sar: str) -> None:
    found = displayed(track, movie, (540, 576))
    assert (found.width, found.height, found.sar) == (*size, sar)


@pytest.mark.parametrize("turn", [(0, 0, 0, 1), (1, 0, 1, 0), (0, 0, 1, 0)])
def test_flat_matrix_does_not_mirror(turn: Turn) -> None:
    assert not displayed(turn).mirrored


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll", "rotation", "mirrored"),
    [
        (0, 0, 0, 0, False),
        (180, 0, 0, 0, True),
        (-180, 0, 0, 0, True),
        (0, 0, 180, 180, False),
        (180, 180, 0, 180, False),
        (0, 180, 0, 180, True),
        (180, 0, 180, 180, True),
        (180, 0, 90, 270, True),
        (0, 0, -90, 90, False),
        (180, 0, -90, 90, True),
        (0, 0, 90, 270, False),
        (float("nan"), 0, 90, 0, False),
        (30, 0, 90, 270, False),
    ],
)
def test_pose_gives_exif_orientation(
    yaw: float, pitch: float, roll: float, rotation: int, mirrored: bool
) -> None:
    pose = b.element(0x7670, b.real(0x7673, yaw), b.real(0x7674, pitch), b.real(0x7675, roll))
    entry = b.video_entry(shape=b.uint(0xB0, 640) + b.uint(0xBA, 360) + pose)
    found = probe(BytesSource(b.matroska(b.info(1000.0), b.tracks(entry), b.cluster())))
    assert (found.rotation, found.mirrored) == (rotation, mirrored)
    assert (found.width, found.height) == ((360, 640) if rotation in (90, 270) else (640, 360))
