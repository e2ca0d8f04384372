"""Size, padding, cropping and Dolby Vision in each container and codec that can have them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from mediaprobe import BytesSource, Metadata, probe
from tests import media
from tests.mediaprobe import builders as b

Size = tuple[int, int]
_PROFILES = {
    "h264": (b"avc1", b"V_MPEG4/ISO/AVC", b"H264"),
    "hevc": (b"hvc1", b"V_MPEGH/ISO/HEVC", b"HEVC"),
    "av1": (b"av01", b"V_AV1", b"AV01"),
}
_ANNEX_B = b"\0\0\0\1"


def read(data: bytes) -> Metadata:
    return probe(BytesSource(data))


def in_mp4(codec: str, sequence: bytes, stated: Size, shown: Size | None = None, *more: bytes) -> Metadata:
    kind, content = b.configuration(codec, sequence)
    entry = b.visual_entry(_PROFILES[codec][0], *stated, b.box(kind, content), *more)
    header = b.tkhd(1, 0, *(shown or stated))
    return read(b.moov(b.mvhd(1000), b.trak(1, b"vide", entry, 90000, [(30, 3000)], header=header)))


def in_mov(codec: str, sequence: bytes, stated: Size) -> Metadata:
    kind, content = b.configuration(codec, sequence)
    entry = b.visual_entry(_PROFILES[codec][0], *stated, b.box(kind, content))
    track = b.trak(1, b"vide", entry, 90000, [(30, 3000)], header=b.tkhd(1, 0, *stated))
    return read(b.ftyp(b"qt  ") + b.box(b"moov", b.mvhd(1000), track))


def in_mkv(codec: str, sequence: bytes, stated: Size, *shape: bytes) -> Metadata:
    size = b.uint(0xB0, stated[0]) + b.uint(0xBA, stated[1])
    return in_matroska(_PROFILES[codec][1], b.configuration(codec, sequence)[1], size + b"".join(shape))


def in_matroska(codec_id: bytes, private: bytes, shape: bytes, extra: bytes = b"") -> Metadata:
    entry = b.video_entry(codec=codec_id, private=private, shape=shape, extra=extra)
    return read(b.matroska(b.info(1000.0), b.tracks(entry), b.cluster()))


def in_avi(codec: str, sequence: bytes, stated: Size) -> Metadata:
    form = b.bitmap_info(*stated, _PROFILES[codec][2]) + b.configuration(codec, sequence)[1]
    return read(b.avi(b.avi_stream(b"vids", 1, 25, 25, form)))


_CONTAINERS: dict[str, Callable[[str, bytes, Size], Metadata]] = {
    "mp4": in_mp4,
    "mov": in_mov,
    "mkv": in_mkv,
    "avi": in_avi,
}


@pytest.mark.parametrize("container", _CONTAINERS)
@pytest.mark.parametrize(
    ("codec", "sequence", "stated", "size"),
    [
        # Canon, GoPro Karma and AV1 encoders of graphics cards leave the padding in the bitstream.
        pytest.param("h264", b.h264_sps(1920, 1088), (1920, 1080), (1920, 1080), id="canon"),
        pytest.param(
            "h264", b.h264_sps(1920, 1088, fields=True), (1920, 1080), (1920, 1080), id="interlaced"
        ),
        pytest.param("h264", b.h264_sps(864, 480), (854, 480), (854, 480), id="karma"),
        pytest.param(
            "h264", b.h264_sps(1376, 768, (0, 4, 0, 0)), (1366, 768), (1366, 768), id="half-cropped"
        ),
        pytest.param("hevc", b.hevc_sps(1920, 1088), (1920, 1080), (1920, 1080), id="hevc"),
        pytest.param("av1", b.av1_sequence(1920, 1082), (1920, 1080), (1920, 1080), id="av1"),
        # The bitstream is right.
        pytest.param(
            "h264", b.h264_sps(1920, 1088, (0, 0, 0, 8)), (1920, 1088), (1920, 1080), id="stated-padding"
        ),
        pytest.param(
            "hevc", b.hevc_sps(1920, 1088, (0, 0, 0, 8)), (1920, 1088), (1920, 1080), id="hevc-padding"
        ),
        pytest.param("h264", b.h264_sps(1280, 720), (640, 480), (1280, 720), id="other-size"),
        pytest.param("h264", b.h264_sps(1280, 720), (1296, 720), (1280, 720), id="larger"),
        pytest.param("h264", b.h264_sps(1920, 1088), (1910, 1072), (1920, 1088), id="fewer-macroblocks"),
        pytest.param(
            "h264", b.h264_sps(1920, 1088, (8, 0, 0, 8)), (1908, 1080), (1912, 1080), id="left-crop"
        ),
        pytest.param(
            "hevc", b.hevc_sps(1920, 1088, (0, 0, 0, 4)), (1920, 1082), (1920, 1084), id="hevc-window"
        ),
        pytest.param("av1", b.av1_sequence(640, 360), (640, 340), (640, 360), id="av1-other-size"),
        pytest.param("h264", b.h264_sps(1280, 720), (0, 0), (1280, 720), id="no-size"),
    ],
)
def test_container_size_wins_within_the_same_macroblocks(
    container: str, codec: str, sequence: bytes, stated: Size, size: Size
) -> None:
    found = _CONTAINERS[container](codec, sequence, stated)
    assert (found.coded_width, found.coded_height) == size
    assert (found.width, found.height) == size or stated == (0, 0)
    assert found.video_codec == codec


_CROPPED, _PADDED = b.h264_sps(1920, 1088, (0, 0, 0, 8)), b.h264_sps(1920, 1088)
_HDV = b.h264_sps(1440, 1088, (0, 0, 0, 8))


@pytest.mark.parametrize(
    ("sps", "stated", "shown", "size", "sar"),
    [
        pytest.param(_CROPPED, (1920, 1088), (1920, 1080), (1920, 1080), "1:1", id="entry-with-padding"),
        pytest.param(_CROPPED, (1920, 1088), (1920, 1088), (1920, 1080), "1:1", id="both-with-padding"),
        pytest.param(_CROPPED, (1920, 1080), (1920, 1088), (1920, 1080), "1:1", id="only-shown-with-padding"),
        pytest.param(_PADDED, (1920, 1088), (1920, 1080), (1920, 1080), "1:1", id="only-shown-without"),
        pytest.param(_HDV, (1440, 1088), (1920, 1080), (1920, 1080), "4:3", id="anamorphic-with-padding"),
        pytest.param(_HDV, (1440, 1088), (1920, 1088), (1920, 1080), "4:3", id="all-anamorphic-with-padding"),
        pytest.param(
            b.h264_sps(176, 144), (176, 144), (176, 132), (192, 144), "12:11", id="small-with-narrow-pixels"
        ),
        pytest.param(b.h264_sps(720, 480), (720, 480), (640, 480), (640, 480), "8:9", id="anamorphic"),
        pytest.param(b.h264_sps(720, 400), (720, 400), (711, 400), (711, 400), "79:80", id="nearly-square"),
    ],
)
def test_shown_size_gives_padding_or_aspect_ratio(
    sps: bytes, stated: Size, shown: Size, size: Size, sar: str
) -> None:
    display = b.uint(0x54B0, shown[0]) + b.uint(0x54BA, shown[1])
    for found in (in_mp4("h264", sps, stated, shown), in_mkv("h264", sps, stated, display)):
        assert (found.width, found.height, found.sar) == (*size, sar)


@pytest.mark.parametrize("shown", [(1440, 1080), (1440, 1088)])
def test_track_header_of_stored_size_leaves_aspect_ratio_to_bitstream(shown: Size, tmp_path: Path) -> None:
    """ffmpeg writes the aspect ratio into `pasp` and `tkhd` too."""
    options = ("-vf", "setsar=4/3", "-an")
    data = bytearray(
        media.make_video(tmp_path / "a.mp4", width=1440, height=1080, options=options).read_bytes()
    )
    at = data.index(b"tkhd") + 4 + 76
    data[at : at + 8] = struct.pack(">II", shown[0] << 16, shown[1] << 16)
    found = read(bytes(data).replace(b"pasp", b"skip"))
    assert (found.width, found.height, found.sar) == (1920, 1080, "4:3")


def test_clean_aperture_changes_no_size() -> None:
    clap = b.box(b"clap", struct.pack(">8I", 1888, 1, 1062, 1, 0, 1, 0, 1))
    found = in_mp4("h264", _CROPPED, (1920, 1080), (1920, 1080), clap)
    assert (found.width, found.height, found.crop) == (1920, 1080, None)


_LETTERBOX = (0, 140, 0, 140)


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9"])
@pytest.mark.parametrize(
    ("pixels", "crop", "display", "unit", "size", "coded"),
    [
        pytest.param((1920, 1080), _LETTERBOX, (1920, 1080), 0, (1920, 800), (1920, 800), id="mkvmerge"),
        pytest.param((1920, 1080), _LETTERBOX, (1920, 800), 0, (1920, 800), (1920, 800), id="rfc"),
        pytest.param((1920, 1080), _LETTERBOX, None, 0, (1920, 800), (1920, 800), id="no-display-size"),
        pytest.param((1920, 1080), _LETTERBOX, (16, 9), 3, (1920, 800), (1920, 800), id="ratio-of-whole"),
        pytest.param((1920, 1080), _LETTERBOX, (12, 5), 3, (1920, 800), (1920, 800), id="ratio-of-cropped"),
        pytest.param(
            (1920, 1080), (240, 0, 240, 0), (1920, 1080), 0, (1440, 1080), (1440, 1080), id="pillars"
        ),
        pytest.param((720, 576), (0, 72, 0, 72), (1024, 576), 0, (1024, 432), (720, 432), id="anamorphic"),
        pytest.param(
            (720, 576), (0, 72, 0, 72), (1024, 432), 0, (1024, 432), (720, 432), id="anamorphic-rfc"
        ),
        pytest.param((720, 576), (0, 540, 0, 540), (720, 576), 0, (720, 576), (720, 576), id="nothing-left"),
        pytest.param((1920, 1080), (8, 0, 12, 4), None, 0, (1900, 1076), (1900, 1076), id="uneven"),
    ],
)
def test_pixel_crop_hides_part_of_the_picture(
    codec: str, pixels: Size, crop: tuple[int, ...], display: Size | None, unit: int, size: Size, coded: Size
) -> None:
    shape = b"".join(map(b.uint, (0xB0, 0xBA, 0x54CC, 0x54BB, 0x54DD, 0x54AA), (*pixels, *crop)))
    if display is not None:
        shape += b.uint(0x54B0, display[0]) + b.uint(0x54BA, display[1]) + b.uint(0x54B2, unit)
    padding = (0, -pixels[0] % 16, 0, -pixels[1] % 16)
    around = pixels[0] + padding[1], pixels[1] + padding[3]
    sequence = {
        "h264": b.h264_sps(*around, padding),
        "hevc": b.hevc_sps(*pixels),
        "av1": b.av1_sequence(*pixels),
    }
    if codec == "vp9":
        found = in_matroska(b"V_VP9", b"", shape)
    else:
        found = in_matroska(_PROFILES[codec][1], b.configuration(codec, sequence[codec])[1], shape)
    assert (found.width, found.height) == size
    assert (found.coded_width, found.coded_height) == coded
    assert found.crop == (None if coded == pixels else ":".join(map(str, crop)))


@pytest.mark.parametrize(
    ("codec", "private"),
    [
        ("h264", b.avcc(_PADDED)[8:]),
        ("h264", _ANNEX_B + b"\x09\xf0" + _ANNEX_B + _PADDED + _ANNEX_B + b.PPS),
        ("hevc", b.configuration("hevc", b.hevc_sps(1920, 1088))[1]),
        ("hevc", b"\0\0\1\x40\1" + b"\0\0\1" + b.hevc_sps(1920, 1088)),
        ("av1", b"\x81\0\0\0" + b.av1_sequence(1920, 1082)),
        ("av1", b"\x12\0" + b.av1_sequence(1920, 1082)),
    ],
)
@pytest.mark.parametrize("stated", [(1920, 1080), (640, 360)])
def test_reads_configuration_behind_bitmap_info(codec: str, private: bytes, stated: Size) -> None:
    form = b.bitmap_info(*stated, _PROFILES[codec][2]) + private
    shape = b.uint(0xB0, stated[0]) + b.uint(0xBA, stated[1])
    height = 1080 if stated[1] == 1080 else 1082 if codec == "av1" else 1088
    for found in (
        read(b.avi(b.avi_stream(b"vids", 1, 25, 25, form))),
        in_matroska(b"V_MS/VFW/FOURCC", form, shape),
    ):
        assert (found.video_codec, found.coded_width, found.coded_height) == (codec, 1920, height)


@pytest.mark.parametrize("private", [b"", b"\1", _ANNEX_B, _ANNEX_B + b"\x68\xeb", b"\1" * 40, b"\0" * 200])
def test_avi_without_usable_configuration_has_size_of_header(private: bytes) -> None:
    form = b.bitmap_info(640, 360, b"H264") + private
    found = read(b.avi(b.avi_stream(b"vids", 1, 25, 25, form)))
    assert (found.width, found.height, found.video_codec) == (640, 360, "h264")


def test_reads_configuration_of_quicktime_in_matroska() -> None:
    entry = b.visual_entry(b"avc1", 640, 360, b.avcc(_PADDED))
    found = in_matroska(b"V_QUICKTIME", entry, b.uint(0xB0, 640) + b.uint(0xBA, 360))
    assert (found.video_codec, found.coded_width, found.coded_height) == ("h264", 1920, 1088)


def test_damaged_quicktime_in_matroska_has_size_of_track() -> None:
    entry = b.visual_entry(b"avc1", 640, 360, b.box(b"free") * 6000)
    found = in_matroska(b"V_QUICKTIME", entry, b.uint(0xB0, 1920) + b.uint(0xBA, 1080))
    assert (found.video_codec, found.width, found.height) == ("h264", 1920, 1080)


# --- Dolby Vision -------------------------------------------------------------------------------------------------


def colour(transfer: int) -> bytes:
    return b.box(b"colr", b"nclx", struct.pack(">HHHB", 9, transfer, 9, 0))


@pytest.mark.parametrize(
    ("profile", "compatibility", "transfer", "hdr"),
    [
        (5, 0, None, "pq"),
        (5, 0, 1, "pq"),
        (10, 0, None, "pq"),
        (8, 1, 16, "pq"),
        (8, 1, None, "pq"),
        (8, 4, 18, "hlg"),
        (8, 4, None, "hlg"),
        (8, 2, None, "sdr"),
        (7, 6, None, "pq"),
        (9, 2, 1, "sdr"),
        (8, 1, 18, "hlg"),
        (4, 15, None, None),
    ],
)
def test_dolby_vision_gives_missing_transfer(
    profile: int, compatibility: int, transfer: int | None, hdr: str | None
) -> None:
    record = bytes([1, 0, profile << 1, 0x35, compatibility << 4]) + bytes(19)
    kind = b"dvcC" if profile <= 7 else b"dvvC"
    more = [b.box(kind, record), *([] if transfer is None else [colour(transfer)])]
    film = in_mp4("hevc", b.hevc_sps(640, 360), (640, 360), None, *more)
    mapping = b.element(0x41E4, b.element(0x41ED, record), b.uint(0x41E7, int.from_bytes(kind, "big")))
    shape = b.uint(0xB0, 640) + b.uint(0xBA, 360)
    shape += b"" if transfer is None else b.element(0x55B0, b.uint(0x55BA, transfer))
    config = b.configuration("hevc", b.hevc_sps(640, 360))[1]
    for found in (film, in_matroska(b"V_MPEGH/ISO/HEVC", config, shape, mapping)):
        assert (found.hdr, found.dolby_vision) == (hdr, True)


def test_dolby_vision_without_record_has_no_transfer() -> None:
    found = in_mp4("hevc", b.hevc_sps(640, 360), (640, 360), None, b.box(b"dvcC", b"\1"))
    assert (found.hdr, found.dolby_vision) == (None, True)


@pytest.mark.parametrize(
    ("more", "codec"),
    [((b.box(b"free"),), "dvvideo"), ((b.box(b"dvcC", bytes(24)),), "hevc")],
    ids=["dvcpro-hd", "dolby-vision"],
)
def test_names_both_codecs_of_dvh1(more: tuple[bytes, ...], codec: str) -> None:
    assert read(b.one_track(b.visual_entry(b"dvh1", 1280, 720, *more))).video_codec == codec


@pytest.mark.parametrize(("tag", "codec"), [(0x161, "wmav2"), (0x162, "wmapro"), (None, "wmav2")])
def test_names_windows_media_audio(tag: int | None, codec: str) -> None:
    entry = b.audio_entry(b"wma ", 2, 48000, b.box(b"wfex", b.wave_format(tag)) if tag else b.box(b"free"))
    audio = b.trak(2, b"soun", entry, 48000, [(46, 1024)])
    assert read(b.moov(b.mvhd(1000), b.video_trak(1), audio)).audio_codec == codec
