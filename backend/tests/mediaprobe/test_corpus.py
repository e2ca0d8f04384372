"""Compares public files with Debian's ffprobe in eight fields, and lists each difference with its reason."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mediaprobe import FileSource, Metadata, ProbeError, probe
from tests.mediaprobe import oracle

# The share of files with sane ffprobe values that must agree in all eight fields.
LEAST_AGREEMENT = 0.97

_MP4FF = "Eyevinn+mp4ff/"
_LIBWEBM = "webmproject+libwebm/testing/testdata/"

# Files whose sane ffprobe values differ from ours.
EXCEPTIONS = {
    _MP4FF + "mp4/testdata/vvc_400kbps_2s.mp4": (
        "ffprobe 5.1 does not know VVC and names no codec. It also ignores the initial empty edit of 0.96 s."
    ),
    _LIBWEBM + "accurate_cluster_duration_two_tracks.webm": (
        "Four frames are 33, 7 and 33 ms apart. ffprobe computes 142.9 per second from the stated block durations, "
        "we compute 41.1 from the times."
    ),
}


def collect(corpus: Path) -> list[Path]:
    return sorted(path for path in corpus.rglob("*") if path.is_file() and path.suffix != ".md")


def read(path: Path) -> Metadata | ProbeError:
    with FileSource(path) as file:
        try:
            return probe(file)
        except ProbeError as error:
            return error


@pytest.fixture(scope="module")
def answers(corpus: Path) -> dict[Path, oracle.Answer]:
    """Return ffprobe's values of the files in which it finds a video in one of our containers."""
    paths = collect(corpus)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        asked = zip(paths, pool.map(oracle.ask, paths), strict=True)
        return {path: answer for path, answer in asked if answer is not None and answer.family}


def test_public_files_agree_with_ffprobe(corpus: Path, answers: dict[Path, oracle.Answer]) -> None:
    sane = {path: answer for path, answer in answers.items() if answer.sane}
    disagreements: dict[str, object] = {}
    for path, answer in sane.items():
        ours = read(path)
        found = ours.detail if isinstance(ours, ProbeError) else oracle.differences(ours, answer)
        if found:
            disagreements[path.relative_to(corpus).as_posix()] = found
    share = 1 - len(disagreements) / len(sane)
    print(f"\n{share:.1%} of {len(sane)} files agree in all 8 fields; not: {disagreements}")  # noqa: T201
    assert disagreements.keys() == EXCEPTIONS.keys()
    assert share >= LEAST_AGREEMENT


def test_reads_every_video_that_ffprobe_reads(answers: dict[Path, oracle.Answer]) -> None:
    """Two files are exceptions, because their DocType is undefined."""
    refused = {path.name for path in answers if isinstance(read(path), ProbeError)}
    assert refused == {"invalid_vp9_bitstream-bug_1416.webm", "invalid_vp9_bitstream-bug_1417.webm"}


@pytest.mark.parametrize("suffix", [".ogv", ".flv", ".m4a"])
def test_rejects_other_formats(corpus: Path, suffix: str) -> None:
    files = [path for path in collect(corpus) if path.suffix == suffix]
    assert files
    for path in files:
        found = read(path)
        assert isinstance(found, ProbeError)
        assert found.code in ("unsupported_container", "no_video_track")
