"""Session fixtures with videos for the tests of mediaprobe."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import media

SAMPLES = (*media.CONTAINERS, "fragmented", "fragmented without index", "live", "silent")
HEADER_FIRST = ("silent", *(name for name in media.CONTAINERS if name not in ("mp4", "mov")))
"""The samples whose header says how much follows it. ffmpeg writes that of an MP4 or MOV last by default."""

CORPUS = Path(os.environ.get("SLIPWAY_CORPUS", Path(__file__).parents[4] / "shared" / "corpus"))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the folder of public test files, which is outside the repository."""
    if not CORPUS.is_dir():
        pytest.skip(
            f"THE PUBLIC CORPUS IS ABSENT at {CORPUS} (set SLIPWAY_CORPUS). Nothing was compared with ffprobe."
        )
    return CORPUS


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="session")
def samples(folder: Path) -> dict[str, bytes]:
    """Return the bytes of one small video of each kind."""
    made: dict[str, bytes] = {}
    for container in media.CONTAINERS:
        made[container] = media.make_video(folder / f"sample.{container}", container).read_bytes()
    made["fragmented"] = media.make_fragmented_mp4(folder / "fragmented.mp4").read_bytes()
    made["fragmented without index"] = media.make_fragmented_mp4(
        folder / "crashed.mp4", index=False
    ).read_bytes()
    made["live"] = media.make_live_webm(folder / "live.webm").read_bytes()
    made["silent"] = media.make_video(folder / "silent.mp4", audio=False, layout="moov_first").read_bytes()
    assert tuple(made) == SAMPLES
    return made
