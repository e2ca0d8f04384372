"""What a probe may cost: requests and bytes for each layout, at sizes up to 2 GiB and three hours.

The figures are the project's targets. The files are sparse: their indexes are of real size, their media is not there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediaprobe import BudgetExceeded, BytesSource, FileSource, Metadata
from tests import media
from tests.mediaprobe import builders
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


@pytest.mark.parametrize("major", [b"isom", b"qt  "], ids=["mp4", "mov"])
@pytest.mark.parametrize("sounds", [0, 1, 4])
@pytest.mark.parametrize("vfr", [False, True], ids=["even", "uneven"])
@pytest.mark.parametrize("seconds", [10, 600, HOURS])
def test_a_header_first_film_takes_two_requests(seconds: int, vfr: bool, sounds: int, major: bytes) -> None:
    film = builders.progressive_mp4(
        seconds, NEARLY_2_GIB, moov_first=True, vfr=vfr, sounds=sounds, major=major
    )
    found, counted = measure(film)
    check(found, counted, seconds, HEADER_FIRST)
    assert not found.truncated


@pytest.mark.parametrize("sounds", [0, 1, 4])
@pytest.mark.parametrize("vfr", [False, True], ids=["even", "uneven"])
@pytest.mark.parametrize(
    ("seconds", "requests"), [(10, MOOV_LAST_SHORT), (600, MOOV_LAST_SHORT), (HOURS, MOOV_LAST)]
)
def test_a_film_with_its_header_at_the_end(seconds: int, requests: int, vfr: bool, sounds: int) -> None:
    film = builders.progressive_mp4(seconds, NEARLY_2_GIB, moov_first=False, vfr=vfr, sounds=sounds)
    found, counted = measure(film)
    check(found, counted, seconds, requests)


def test_opendml_avi_takes_two_requests() -> None:
    found, counted = measure(builders.opendml_avi(HOURS, NEARLY_2_GIB))
    check(found, counted, HOURS, HEADER_FIRST)


def test_a_large_index_for_each_track_is_read_once() -> None:
    film = builders.fragmented_mp4(HOURS, 48_000, fragment_seconds=1, sidx=True, indexes=2)
    found, counted = measure(film)
    check(found, counted, HOURS, ANY_VALID)
    assert found.duration_source == "index"


@pytest.mark.parametrize("doc_type", [b"webm", b"matroska"])
@pytest.mark.parametrize("default_duration", [33_333_333, None], ids=["rate stated", "rate from blocks"])
@pytest.mark.parametrize("frame_bytes", [500, 6000, 40_000])
def test_matroska_with_a_header_takes_two_requests(
    frame_bytes: int, default_duration: int | None, doc_type: bytes
) -> None:
    seconds = min(HOURS, NEARLY_2_GIB // (30 * frame_bytes))
    film = builders.matroska_with_header(seconds, frame_bytes, doc_type, default_duration=default_duration)
    found, counted = measure(film)
    check(found, counted, seconds, HEADER_FIRST)
    assert found.frame_rate == pytest.approx(30, rel=0.01)


@pytest.mark.parametrize(
    "parts", [{"mfra": True}, {"sidx": True}, {"mehd": True}, {"sidx": True, "mfra": True}], ids=str
)
@pytest.mark.parametrize(
    ("seconds", "fragment_bytes"), [(HOURS, 380_000), (3600, 1_100_000)], ids=["3 h", "1 h"]
)
def test_a_fragmented_film_with_an_index(seconds: int, fragment_bytes: int, parts: tuple[str, ...]) -> None:
    found, counted = measure(builders.fragmented_mp4(seconds, fragment_bytes, **dict.fromkeys(parts, True)))
    check(found, counted, seconds, ANY_VALID)
    assert found.fragmented


@pytest.mark.parametrize("fragment_seconds", [1, 2, 10])
@pytest.mark.parametrize("bytes_per_second", [20_000, 180_000, 400_000])
def test_a_fragmented_film_without_index_takes_one_fragment_more(
    bytes_per_second: int, fragment_seconds: int
) -> None:
    """As a recorder leaves it that never came to finish."""
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
def test_a_live_recording_takes_one_cluster_more(cluster_seconds: int, bytes_per_second: int) -> None:
    seconds = min(HOURS, NEARLY_2_GIB // bytes_per_second) // cluster_seconds * cluster_seconds
    found, counted = measure(builders.live_webm(seconds, cluster_seconds, bytes_per_second))
    check(found, counted, seconds, ANY_VALID, BYTES + cluster_seconds * bytes_per_second)
    assert found.duration_source == "tail"
    assert found.frame_rate == 30


@pytest.mark.parametrize(
    ("cluster_seconds", "bytes_per_second"), [(5, 180_000), (10, 300_000), (5, 1_000_000)]
)
def test_a_live_recording_with_long_clusters_still_takes_eight_requests(
    cluster_seconds: int, bytes_per_second: int
) -> None:
    """Up to 5 MB. The steps double here, so up to one more cluster is read in vain."""
    seconds = NEARLY_2_GIB // bytes_per_second // cluster_seconds * cluster_seconds
    found, counted = measure(builders.live_webm(seconds, cluster_seconds, bytes_per_second))
    check(found, counted, seconds, ANY_VALID, BYTES + 2 * cluster_seconds * bytes_per_second)


@pytest.mark.parametrize("bytes_per_second", [300_000, 600_000])
def test_the_longest_clusters_stay_within_the_budget(bytes_per_second: int) -> None:
    """32 s is the longest that block times can span; cameras make keyframes far more often."""
    found, counted = measure(builders.live_webm(3000, 30, bytes_per_second))
    assert found.duration_seconds == pytest.approx(3000, abs=0.1)
    assert counted.requests <= 32
    assert counted.bytes_read <= 24 * MIB


def test_a_cluster_beyond_the_budget_leaves_the_duration_open() -> None:
    found, counted = measure(builders.live_webm(3000, 30, 1_000_000))
    assert found.duration_ms is None
    assert (found.width, found.video_codec) == (640, "vp8")
    assert counted.bytes_read <= 24 * MIB


def test_a_looped_recording_is_not_believed() -> None:
    """Its header states the first minute, its tail the three hours; ffprobe repeats the minute."""
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


@pytest.mark.parametrize("name", ["mp4", "mov", "avi", "webm", "mkv", "fragmented", "live", "silent"])
def test_small_real_files_take_two_requests(samples: dict[str, bytes], name: str) -> None:
    found, counted = measure(BytesSource(samples[name]))
    assert found.metadata_complete
    assert counted.requests <= HEADER_FIRST
    assert counted.bytes_read <= BYTES


@pytest.mark.parametrize("container", media.CONTAINERS)
def test_a_video_padded_to_2_gib_costs_no_more(container: media.Container, tmp_path: Path) -> None:
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
def test_a_long_real_film(
    real_minute: Path, folder: Path, container: media.Container, layout: media.Layout, requests: int
) -> None:
    """Three hours with ffmpeg's own tables, from one minute repeated."""
    path = media.repeat(real_minute, folder / f"long.{layout}.{container}", 180, container, layout)
    with FileSource(path) as file:
        found, counted = measure(file)
    path.unlink()
    assert found.duration_seconds == pytest.approx(HOURS, rel=0.01)
    assert found.frame_rate == pytest.approx(30, rel=0.01)
    assert counted.requests <= requests
    assert counted.bytes_read <= BYTES


def test_hostile_distances_end_in_the_budget() -> None:
    """A thousand boxes, each far from the last, before a `moov` that never comes."""
    source = SparseSource().add(builders.ftyp())
    for _ in range(1000):
        source.add(builders.box(b"free", size=MIB)).skip(MIB - 8)
    counting = CountingSource(source)
    with pytest.raises(BudgetExceeded):
        measure(counting)
    assert counting.requests <= 32
