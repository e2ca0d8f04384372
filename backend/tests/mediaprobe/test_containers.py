"""Container rules that no file of ffmpeg shows, with files built byte by byte."""

from __future__ import annotations

import struct

import pytest

from mediaprobe import BytesSource, Metadata, probe
from tests.mediaprobe import builders as b
from tests.mediaprobe.sources import MIB, measure


def read(data: bytes) -> Metadata:
    return probe(BytesSource(data))


# --- MP4 --------------------------------------------------------------------------------------------------------


def clip(moov: bytes, fragments: int) -> bytes:
    """Return a header and video fragments of two seconds."""
    whole = b.ftyp() + moov
    for number in range(fragments):
        whole += b.fragment_header(number + 1, [(1, number * 180_000, 60, 3000)]) + b.box(b"mdat", bytes(100))
    return whole


def test_fragments_override_mehd() -> None:
    """A packager keeps the film's duration in the header of each clip."""
    found = read(clip(b.fragmented_moov(mehd_ms=3_600_000), 4))
    assert (found.duration_ms, found.duration_source, found.truncated) == (8000, "fragments", True)


@pytest.mark.parametrize("missing", [0, 50])
def test_index_of_the_whole_file_overrides_mehd(missing: int) -> None:
    whole = clip(b.fragmented_moov(mehd_ms=3_600_000), 4)
    start = whole.index(b"moof") - 4
    row = struct.pack(">III", len(whole) - start, 8000, 0)
    index = b.full_box(b"sidx", 0, 0, struct.pack(">IIIIHH", 1, 1000, 0, 0, 0, 1), row)
    indexed = whole[:start] + index + whole[start:]
    found = read(indexed[: len(indexed) - missing])
    assert (found.duration_ms, found.truncated) == (8000, missing > 0)


def test_complete_file_with_mehd_is_not_truncated() -> None:
    found = read(clip(b.fragmented_moov(mehd_ms=8_000), 4))
    assert (found.duration_ms, found.truncated) == (8000, False)


def test_header_without_fragments_is_truncated() -> None:
    found = read(b.ftyp() + b.fragmented_moov())
    assert (found.duration_ms, found.truncated, found.fragmented) == (None, True, True)
    assert (found.width, found.video_codec) == (640, "h264")


def test_timeline_begins_at_0() -> None:
    """Segments from the middle of a stream keep their time, as in players."""
    later = b.fragment_header(1, [(1, 90_000 * 60, 60, 3000)]) + b.box(b"mdat", bytes(100))
    assert read(b.ftyp() + b.fragmented_moov() + later).duration_ms == 62_000


def test_sums_fragments_without_decode_times() -> None:
    run = b.full_box(b"trun", 0, 0, struct.pack(">I", 30))
    traf = b.box(b"traf", b.full_box(b"tfhd", 0, 8, struct.pack(">II", 1, 3000)), run)
    fragment = b.box(b"moof", b.full_box(b"mfhd", 0, 0, bytes(4)), traf) + b.box(b"mdat", bytes(60_000))
    found = read(b.ftyp() + b.fragmented_moov() + fragment * 10)
    assert (found.duration_ms, found.frame_rate) == (10_000, 30.0)


def quiet_start(moov: bytes, *, smooth: bool = False) -> bytes:
    """Return 30 fragments of two seconds, of which the first ones have a far lower bit rate."""
    whole = b.ftyp() + moov
    for number in range(30):
        header = b.fragment_header(number + 1, [(1, number * 180_000, 60, 3000)], smooth=smooth)
        whole += header + b.box(b"mdat", b"\x55" * (500 if number < 24 else 50_000))
    return whole


@pytest.mark.parametrize("padding", [8, 300_000])
def test_ignores_zeros_after_the_last_fragment(padding: int) -> None:
    """A recorder reserves space, and a download that was cut off may leave it."""
    found = read(quiet_start(b.fragmented_moov()) + bytes(padding))
    assert (found.duration_ms, found.duration_source, found.truncated) == (60_000, "fragments", False)


def test_reads_decode_times_of_smooth_streaming() -> None:
    found = read(quiet_start(b.fragmented_moov(), smooth=True))
    assert (found.duration_ms, found.duration_source) == (60_000, "fragments")


@pytest.mark.parametrize("end", ["untimed", "foreign data"])
def test_a_small_share_of_the_bytes_gives_no_estimate(end: str) -> None:
    whole = quiet_start(b.fragmented_moov())
    found = read(whole.replace(b"tfdt", b"free") if end == "untimed" else whole + b"\x55" * 5000)
    assert (found.duration_ms, found.duration_source, found.width) == (None, None, 640)


def test_estimate_leaves_out_the_samples_in_the_header() -> None:
    moov = b.fragmented_moov(audio=False)
    empty = b.trak(1, b"vide", b.visual_entry(), 90000, [], tables=False)
    filled = b.trak(1, b"vide", b.visual_entry(), 90000, [(600, 3000)], tables=False)
    extends = moov[moov.index(b"mvex") - 4 :]
    assert empty in moov
    header = b.ftyp() + b.box(b"moov", b.mvhd(20_000), filled, extends)
    fragment = b.fragment_header(1, [(1, 0, 60, 3000)]).replace(b"tfdt", b"free")
    fragment += b.box(b"mdat", b"\x55" * 60_000)
    assert read(header + fragment * 40).duration_seconds == pytest.approx(20 + 80, abs=0.2)


@pytest.mark.parametrize("stated", [1, 5000, 20_000])
def test_fragments_past_a_stated_duration_extend_it(stated: int) -> None:
    """Shaka Packager writes a duration of 1 until it knows the real one."""
    found = read(quiet_start(b.fragmented_moov(mehd_ms=stated)))
    assert (found.duration_ms, found.truncated) == (60_000, False)


@pytest.mark.parametrize("unknown", [0, 0xFFFFFFFF])
def test_sums_samples_if_no_header_states_the_duration(unknown: int) -> None:
    track = b.trak(1, b"vide", b.visual_entry(), 1000, [(100, 40)], tables=False)
    times = struct.pack(">II", 1000, 4000)
    assert times in track
    track = track.replace(times, struct.pack(">II", 1000, unknown))
    assert read(b.moov(b.mvhd(unknown), track)).duration_ms == 4000


def test_reads_rate_of_truehd() -> None:
    sound = b.audio_entry(b"mlpa", 6, 48000).replace(struct.pack(">I", 48000 << 16), struct.pack(">I", 48000))
    track = b.trak(2, b"soun", sound, 48000, [(100, 40)])
    video = b.trak(1, b"vide", b.visual_entry(), 1000, [(100, 40)])
    assert read(b.moov(b.mvhd(4000), video, track)).audio_sample_rate == 48000


def test_ignores_index_of_one_fragment() -> None:
    fragment = b.fragment_header(1, [(1, 0, 60, 3000)]) + b.box(b"mdat", bytes(100))
    rows = struct.pack(">III", len(fragment), 2000, 0)
    own = b.full_box(b"sidx", 0, 0, struct.pack(">IIIIHH", 1, 1000, 0, 0, 0, 1), rows)
    second = b.fragment_header(2, [(1, 180_000, 60, 3000)]) + b.box(b"mdat", bytes(100))
    assert read(b.ftyp() + b.fragmented_moov() + own + fragment + own + second).duration_ms == 4000


def test_chooses_first_enabled_track() -> None:
    disabled = b.trak(
        1, b"vide", b.visual_entry(b"mp4v", 64, 64, b""), 90000, [(9, 3000)], header=b.tkhd(1, enabled=False)
    )
    found = read(b.moov(b.mvhd(1000), disabled, b.video_trak(1, track=2)))
    assert (found.video_codec, found.width) == ("h264", 640)


def test_reads_codec_of_protected_track() -> None:
    scheme = b.box(b"sinf", b.box(b"frma", b"avc1"))
    entry = b.visual_entry(b"encv", 640, 360, b.avcc(), scheme)
    assert read(b.one_track(entry, b.stts((30, 3000)))).video_codec == "h264"


@pytest.mark.parametrize("code", [b"dvcC", b"dvvC", b"dvwC"])
def test_detects_dolby_vision_box(code: bytes) -> None:
    entry = b.visual_entry(b"hvc1", 640, 360, b.box(code, bytes(24)))
    assert read(b.one_track(entry)).dolby_vision


def test_ignores_unspecified_colour() -> None:
    colour = b.box(b"colr", b"nclx", struct.pack(">HHHB", 2, 2, 2, 0))
    found = read(b.one_track(b.visual_entry(b"vp09", 640, 360, colour)))
    assert (found.hdr, found.color_primaries) == (None, None)


def test_reads_aspect_ratio_from_tkhd() -> None:
    entry = b.visual_entry(b"mp4v", 720, 576, b"")
    header = b.tkhd(1, width=1024, height=576)
    found = read(b.moov(b.mvhd(1000), b.trak(1, b"vide", entry, 90000, [(30, 3000)], header=header)))
    assert (found.width, found.height, found.coded_width, found.sar) == (1024, 576, 720, "64:45")


def test_h263_has_12_11_pixels() -> None:
    header = b.tkhd(1, width=176, height=144)
    entry = b.visual_entry(b"s263", 176, 144, b"")
    found = read(b.moov(b.mvhd(1000), b.trak(1, b"vide", entry, 90000, [(30, 3000)], header=header)))
    assert (found.width, found.sar) == (192, "12:11")


def test_applies_matrix_of_mvhd() -> None:
    quarter = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    turned = b.mvhd(1000).replace(b.MATRIX, quarter)
    assert read(b.moov(turned, b.video_trak(1))).rotation == 90


def test_negative_sample_duration_counts_as_one_unit() -> None:
    found = read(b.one_track(b.visual_entry(), b.stts((299, 3000), (1, 0xFFFFFFF0))))
    assert found.frame_rate == pytest.approx(30, rel=0.01)


# --- Matroska ---------------------------------------------------------------------------------------------------


def recording(entry: bytes, *before: bytes) -> bytes:
    return b.matroska(*before, b.info(10_000.0), b.tracks(entry), b.cluster())


def shaped(*elements: bytes) -> Metadata:
    return read(recording(b.video_entry(shape=b.uint(0xB0, 640) + b.uint(0xBA, 360) + b"".join(elements))))


def test_reads_aspect_ratio_from_display_size() -> None:
    found = shaped(b.uint(0x54B0, 854), b.uint(0x54BA, 360))
    assert (found.width, found.height, found.coded_width) == (854, 360, 640)


def test_reads_aspect_ratio_from_display_ratio() -> None:
    """With DisplayUnit 3 the numbers are a ratio."""
    found = shaped(b.uint(0x54B0, 4), b.uint(0x54BA, 3), b.uint(0x54B2, 3))
    assert (found.width, found.height) == (480, 360)


def test_ignores_unknown_display_unit() -> None:
    assert shaped(b.uint(0x54B0, 9), b.uint(0x54BA, 1), b.uint(0x54B2, 4)).width == 640


def test_subtracts_pixel_crop() -> None:
    found = shaped(b.uint(0x54BB, 20), b.uint(0x54AA, 20), b.uint(0x54CC, 8), b.uint(0x54DD, 8))
    assert (found.width, found.height) == (624, 320)


@pytest.mark.parametrize(("mode", "width"), [(1, 1280), (0, 640)])
def test_side_by_side_stereo_doubles_width(mode: int, width: int) -> None:
    assert shaped(b.uint(0x54B0, 640), b.uint(0x54BA, 360), b.uint(0x53B8, mode)).width == width


@pytest.mark.parametrize(
    ("roll", "kind", "rotation"), [(-90.0, 0, 90), (90.0, 0, 270), (180.0, 0, 180), (90.0, 1, 0)]
)
def test_reads_rotation_from_pose_roll(roll: float, kind: int, rotation: int) -> None:
    assert shaped(b.element(0x7670, b.uint(0x7671, kind), b.real(0x7675, roll))).rotation == rotation


def test_reads_colour_elements() -> None:
    found = shaped(b.element(0x55B0, b.uint(0x55BB, 9), b.uint(0x55BA, 18), b.uint(0x55B1, 9)))
    assert (found.hdr, found.color_primaries, found.color_matrix) == ("hlg", "bt2020", "bt2020nc")


def test_detects_dolby_vision_mapping() -> None:
    mapping = b.element(0x41E4, b.uint(0x41E7, int.from_bytes(b"dvvC", "big")))
    assert read(recording(b.video_entry(extra=mapping))).dolby_vision


def test_finds_tracks_after_clusters_by_seek_head() -> None:
    def document(position: int) -> bytes:
        seek = b.element(
            0x4DBB, b.element(0x53AB, b.id_bytes(0x1654AE6B)), b.element(0x53AC, position.to_bytes(8, "big"))
        )
        cluster = b.element(0x1F43B675, b.uint(0xE7, 0), b.element(0xA3, bytes(100_000)))
        return b.element(0x114D9B74, seek) + b.info(10_000.0) + cluster

    head = document(0)
    found = read(b.matroska(document(len(head)), b.tracks(b.video_entry())))
    assert (found.width, found.duration_ms) == (640, 10_000)


def test_applies_timestamp_scale() -> None:
    assert (
        read(b.matroska(b.info(10_000.0, 500_000), b.tracks(b.video_entry()), b.cluster())).duration_ms
        == 5000
    )


def test_adds_duration_of_last_block_group() -> None:
    group = b.element(0xA0, b.element(0xA1, b"\x81" + struct.pack(">hB", 900, 0)), b.uint(0x9B, 500))
    clusters = b.cluster(b.element(0xA3, b"\x81" + struct.pack(">hB", 100, 0x80)), group)
    found = read(b.matroska(b.info(None), b.tracks(b.video_entry()), clusters))
    # The first block begins at 0.1 s. The last one, at 0.9 s, has the duration of the previous block, 0.8 s.
    assert found.duration_ms == 1600


# --- AVI --------------------------------------------------------------------------------------------------------


def test_reads_aspect_ratio_from_vprp() -> None:
    vprp = struct.pack("<IIIIIHHIII", 0, 0, 25, 720, 576, 9, 16, 720, 576, 2)
    stream = b.avi_stream(b"vids", 1, 25, 250, b.bitmap_info(720, 576))
    # Add it to the stream's list.
    grown = stream[8:] + b.chunk(b"vprp", vprp)
    found = read(b.avi(b"LIST" + struct.pack("<I", len(grown)) + grown))
    assert (found.width, found.height, found.coded_width) == (1024, 576, 720)


def test_reads_negative_bitmap_height() -> None:
    found = read(b.avi(b.avi_stream(b"vids", 1, 25, 250, b.bitmap_info(64, -48))))
    assert (found.width, found.height, found.duration_ms) == (64, 48, 10_000)


def test_reads_codec_of_wave_format_extensible() -> None:
    form = b.wave_format(0xFFFE, 6, 48000, 24) + struct.pack("<HI", 24, 0) + struct.pack("<H", 1) + bytes(14)
    audio = b.avi_stream(b"auds", 1, 48000, 48000, form)
    found = read(b.avi(b.avi_stream(b"vids", 1, 25, 25, b.bitmap_info()), audio))
    assert (found.audio_codec, found.audio_channels, found.audio_sample_rate) == ("pcm_s24le", 6, 48000)


@pytest.mark.parametrize(
    ("stream", "first_riff", "whole", "frames"),
    [
        pytest.param(500, 500, 1000, 1000, id="stream-header-counts-the-first-riff"),
        pytest.param(1000, 500, 1438, 1000, id="ffmpeg-adds-audio-packets-to-dmlh"),
        pytest.param(500, 0, 1000, 1000, id="avih-never-filled-in"),
    ],
)
def test_reads_duration_of_opendml_file(stream: int, first_riff: int, whole: int, frames: int) -> None:
    header = b.avi_header(stream, 25, total=whole, first_riff=first_riff)
    movi = b.chunks(b"LIST", b"movi", bytes(64))
    assert read(b.chunks(b"RIFF", b"AVI ", header, movi)).duration_ms == frames * 40


@pytest.mark.parametrize("megabytes", [24, 40, 62])
def test_estimates_duration_of_large_fragments(megabytes: int) -> None:
    """A recorder that was killed has written no index, and the last fragment is too far from the end."""
    film = b.fragmented_mp4(1800, megabytes * MIB, fragment_seconds=60)
    # The file ends within media data, which is not zero as reserved space is.
    film.size -= 1 * MIB
    film.add(b"\x55")
    found, counted = measure(film)
    assert found.duration_source == "estimate"
    assert found.duration_seconds == pytest.approx(1800, rel=0.01)
    assert (found.width, found.frame_rate) == (640, 30.0)
    assert counted.requests <= 32
    assert counted.bytes_read <= 24 * MIB
