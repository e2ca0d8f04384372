"""Requests, bytes and work of a probe by layout, for files up to 2 GiB and three hours.

The limits are the project's targets. The sparse files have tables of real size and no media.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediaprobe import Budget, BytesSource, FileSource, Metadata
from tests import media
from tests.mediaprobe import builders
from tests.mediaprobe.conftest import SAMPLES
from tests.mediaprobe.sources import GIB, KIB, MIB, CountingSource, SparseSource, measure

HEADER_FIRST = 2
MOOV_LAST, MOOV_LAST_SHORT = 6, 3
ANY_VALID = 8
BYTES = 256 * KIB

HOURS = 3 * 3600
NEARLY_2_GIB = 2 * GIB - 64 * MIB


def check(
    found: Metadata, counted: CountingSource, seconds: float, requests: int, bytes_read: int = BYTES
) -> None:
    assert found.duration_seconds == pytest.approx(seconds, abs=0.1)
    assert found.metadata_complete
    assert counted.requests <= requests
    assert counted.bytes_read <= bytes_read
    assert counted.work <= Budget().work // 20


@pytest.mark.parametrize("major", [b"isom", b"qt  "], ids=["mp4", "mov"])
@pytest.mark.parametrize("audios", [0, 1, 4])
@pytest.mark.parametrize("vfr", [False, True], ids=["constant", "variable"])
@pytest.mark.parametrize("seconds", [10, 600, HOURS])
def test_moov_first_takes_two_requests(seconds: int, vfr: bool, audios: int, major: bytes) -> None:
    film = builders.progressive_mp4(
        seconds, NEARLY_2_GIB, moov_first=True, vfr=vfr, audios=audios, major=major
    )
    found, counted = measure(film)
    check(found, counted, seconds, HEADER_FIRST)
    assert not found.truncated


@pytest.mark.parametrize("audios", [0, 1, 4])
@pytest.mark.parametrize("vfr", [False, True], ids=["constant", "variable"])
@pytest.mark.parametrize(
    ("seconds", "requests"), [(10, MOOV_LAST_SHORT), (600, MOOV_LAST_SHORT), (HOURS, MOOV_LAST)]
)
def test_moov_last_stays_within_requests(seconds: int, requests: int, vfr: bool, audios: int) -> None:
    film = builders.progressive_mp4(seconds, NEARLY_2_GIB, moov_first=False, vfr=vfr, audios=audios)
    found, counted = measure(film)
    check(found, counted, seconds, requests)


def test_opendml_avi_takes_two_requests() -> None:
    found, counted = measure(builders.opendml_avi(HOURS, NEARLY_2_GIB))
    check(found, counted, HOURS, HEADER_FIRST)


def test_reads_one_of_several_large_indexes() -> None:
    film = builders.fragmented_mp4(HOURS, 48_000, fragment_seconds=1, sidx=True, indexes=2)
    found, counted = measure(film)
    check(found, counted, HOURS, ANY_VALID)
    assert found.duration_source == "index"


@pytest.mark.parametrize("doc_type", [b"webm", b"matroska"])
@pytest.mark.parametrize("default_duration", [33_333_333, None], ids=["rate stated", "rate from blocks"])
@pytest.mark.parametrize("frame_bytes", [500, 6000, 40_000])
def test_matroska_with_duration_takes_two_requests(
    frame_bytes: int, default_duration: int | None, doc_type: bytes
) -> None:
    seconds = min(HOURS, NEARLY_2_GIB // (30 * frame_bytes))
    film = builders.matroska_with_header(seconds, frame_bytes, doc_type, default_duration=default_duration)
    found, counted = measure(film)
    check(found, counted, seconds, HEADER_FIRST)
    assert found.frame_rate == pytest.approx(30, rel=0.01)


@pytest.mark.parametrize(
    "index", [{"mfra": True}, {"sidx": True}, {"mehd": True}, {"sidx": True, "mfra": True}], ids=str
)
@pytest.mark.parametrize(
    ("seconds", "fragment_bytes"), [(HOURS, 380_000), (3600, 1_100_000)], ids=["3 h", "1 h"]
)
def test_fragmented_file_with_index_takes_eight_requests(
    seconds: int, fragment_bytes: int, index: tuple[str, ...]
) -> None:
    found, counted = measure(builders.fragmented_mp4(seconds, fragment_bytes, **dict.fromkeys(index, True)))
    check(found, counted, seconds, ANY_VALID)
    assert found.fragmented


@pytest.mark.parametrize("fragment_seconds", [1, 2, 10])
@pytest.mark.parametrize("bytes_per_second", [20_000, 180_000, 400_000])
def test_fragmented_file_without_index_reads_one_more_fragment(
    bytes_per_second: int, fragment_seconds: int
) -> None:
    """A recorder that is killed leaves such a file."""
    fragment = bytes_per_second * fragment_seconds
    film = builders.fragmented_mp4(HOURS, fragment, fragment_seconds=fragment_seconds)
    found, counted = measure(film)
    check(found, counted, HOURS, ANY_VALID, BYTES + fragment + 2 * KIB)
    assert found.duration_source == "fragments"
    assert found.frame_rate == 30


@pytest.mark.parametrize(
    ("cluster_seconds", "bytes_per_second"),
    [(1, 20_000), (1, 180_000), (3, 60_000), (3, 180_000), (5, 110_000), (5, 30_000), (10, 50_000)],
)
def test_live_recording_reads_one_more_cluster(cluster_seconds: int, bytes_per_second: int) -> None:
    seconds = min(HOURS, NEARLY_2_GIB // bytes_per_second) // cluster_seconds * cluster_seconds
    found, counted = measure(builders.live_webm(seconds, cluster_seconds, bytes_per_second))
    check(found, counted, seconds, ANY_VALID, BYTES + cluster_seconds * bytes_per_second)
    assert found.duration_source == "tail"
    assert found.frame_rate == 30


@pytest.mark.parametrize(
    ("cluster_seconds", "bytes_per_second"), [(5, 180_000), (10, 300_000), (5, 1_000_000)]
)
def test_live_recording_with_long_clusters_takes_eight_requests(
    cluster_seconds: int, bytes_per_second: int
) -> None:
    """For clusters up to 5 MB. The steps double, so up to one more cluster is read needlessly."""
    seconds = NEARLY_2_GIB // bytes_per_second // cluster_seconds * cluster_seconds
    found, counted = measure(builders.live_webm(seconds, cluster_seconds, bytes_per_second))
    check(found, counted, seconds, ANY_VALID, BYTES + 2 * cluster_seconds * bytes_per_second)


@pytest.mark.parametrize("bytes_per_second", [300_000, 600_000])
def test_longest_clusters_stay_within_budget(bytes_per_second: int) -> None:
    """Block times can span at most 32 s. Cameras write keyframes far more often."""
    found, counted = measure(builders.live_webm(3000, 30, bytes_per_second))
    assert found.duration_seconds == pytest.approx(3000, abs=0.1)
    assert counted.requests <= 32
    assert counted.bytes_read <= 24 * MIB
    assert counted.work <= Budget().work // 20


def test_cluster_beyond_budget_leaves_duration_unknown() -> None:
    found, counted = measure(builders.live_webm(3000, 30, 1_000_000))
    assert found.duration_ms is None
    assert (found.width, found.video_codec) == (640, "vp8")
    assert counted.bytes_read <= 24 * MIB


def test_corrects_duration_of_looped_recording() -> None:
    """The header has the first minute, and the tail three hours. ffprobe reports the minute."""
    film = builders.live_webm(HOURS, 1, 180_000)
    looped = SparseSource()
    looped.add(builders.ebml_header() + builders.id_bytes(0x18538067) + builders.UNKNOWN)
    looped.add(builders.info(60_000.0) + builders.tracks(builders.video_entry(default_duration=33_333_333)))
    head = film.read_range(0, 4096, None).data
    cluster = head.index(bytes.fromhex("1f43b675"))
    moved = looped.size - cluster
    looped._pieces += [(offset + moved, piece) for offset, piece in film._pieces if offset >= cluster]
    looped.size = film.size + moved
    found, counted = measure(looped)
    assert found.duration_seconds == pytest.approx(HOURS, abs=0.1)
    assert found.duration_source == "tail"
    assert counted.requests <= ANY_VALID


@pytest.mark.parametrize("name", SAMPLES)
def test_small_real_files_take_two_requests(samples: dict[str, bytes], name: str) -> None:
    found, counted = measure(BytesSource(samples[name]))
    assert found.metadata_complete
    assert counted.requests <= HEADER_FIRST
    assert counted.bytes_read <= BYTES


@pytest.mark.parametrize("container", media.CONTAINERS)
def test_video_padded_to_2_gib_takes_two_requests(container: media.Container, tmp_path: Path) -> None:
    path = media.make_video(tmp_path / "big", container, size_bytes=2 * GIB - 1)
    with FileSource(path) as file:
        found, counted = measure(file)
    assert found.size_bytes == 2 * GIB - 1
    check(found, counted, 1, HEADER_FIRST)


@pytest.fixture(scope="module")
def real_minute(folder: Path) -> Path:
    return media.make_video(folder / "minute.mp4", "mp4", 60, 64, 48, 30, options=("-b:a", "16k", "-ac", "1"))


@pytest.mark.parametrize(
    ("container", "layout", "requests"),
    [
        ("mp4", "moov_last", MOOV_LAST),
        ("mp4", "moov_first", HEADER_FIRST),
        ("mov", "moov_last", MOOV_LAST),
        ("mp4", "fragmented", ANY_VALID),
        ("mkv", "moov_last", HEADER_FIRST),
    ],
)
def test_long_real_file_stays_within_requests(
    real_minute: Path, folder: Path, container: media.Container, layout: media.Layout, requests: int
) -> None:
    """One minute repeated for three hours has ffmpeg's own tables."""
    path = media.repeat(real_minute, folder / f"long.{layout}.{container}", 180, container, layout)
    with FileSource(path) as file:
        found, counted = measure(file)
    path.unlink()
    assert found.duration_seconds == pytest.approx(HOURS, rel=0.01)
    assert found.frame_rate == pytest.approx(30, rel=0.01)
    assert counted.requests <= requests
    assert counted.bytes_read <= BYTES


def test_many_distant_boxes_leave_everything_unknown() -> None:
    """The file has a thousand distant boxes and no `moov`, of which the reader cannot be sure."""
    source = SparseSource().add(builders.ftyp())
    for _ in range(1000):
        source.add(builders.box(b"free", size=MIB)).skip(MIB - 8)
    found, counted = measure(source)
    assert (found.container, found.width, found.metadata_complete) == ("mp4", None, False)
    assert counted.requests <= 32
    assert counted.bytes_read <= 24 * MIB
