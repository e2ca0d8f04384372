"""Compares files of ffmpeg in many formats with ffprobe in eight fields."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mediaprobe import BytesSource, FileSource, Metadata, probe
from tests import media
from tests.mediaprobe import oracle
from tests.mediaprobe.builders import box

_X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")


@dataclass(frozen=True)
class Case:
    container: media.Container
    options: tuple[str, ...] = ()
    width: int = 320
    height: int = 240
    fps: str = "30"
    audio: bool = True
    layout: media.Layout = "moov_last"
    expected: dict[str, object] = field(default_factory=dict)


def pq(codec: str) -> tuple[str, ...]:
    return (
        *(_X265 if codec == "hevc" else ("-c:v", "libx264", "-preset", "ultrafast")),
        *("-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020", "-color_trc", "smpte2084"),
        *("-colorspace", "bt2020nc"),
    )


_HLG = tuple("arib-std-b67" if word == "smpte2084" else word for word in pq("hevc"))
# libx264 crops its padding. A camera leaves it in the bitstream.
_PADDED = (
    *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-flags:v", "+global_header"),
    *("-bsf:v", "h264_metadata=crop_right=0:crop_bottom=0"),
)
_BT2020 = {"color_primaries": "bt2020", "color_matrix": "bt2020nc"}

CASES = {
    "mp4 h264 aac": Case("mp4", expected={"video_codec": "h264", "audio_codec": "aac", "audio_channels": 1}),
    "mp4 silent": Case("mp4", audio=False, expected={"audio_codec": None}),
    "mp4 faststart": Case("mp4", layout="moov_first"),
    "mp4 fragmented": Case("mp4", layout="fragmented", expected={"fragmented": True}),
    "mp4 fragment per frame": Case("mp4", ("-movflags", "+frag_every_frame+empty_moov")),
    "mp4 dash": Case("mp4", ("-movflags", "+dash+global_sidx")),
    "mp4 first fragment in moov": Case("mp4", ("-movflags", "+frag_keyframe")),
    "mp4 ntsc": Case("mp4", fps="30000/1001", expected={"frame_rate": 29.97}),
    "mp4 film": Case("mp4", fps="24000/1001", expected={"frame_rate": 23.976}),
    "mp4 1 fps": Case("mp4", fps="1"),
    "mp4 120 fps": Case("mp4", fps="120", expected={"frame_rate": 120.0}),
    "mp4 variable rate": Case(
        "mp4", ("-vf", "select='not(mod(n,3))+lt(n,10)'", "-vsync", "vfr"), expected={"vfr": True}
    ),
    "mp4 anamorphic": Case(
        "mp4", ("-vf", "setsar=4/3"), expected={"sar": "4:3", "width": 427, "coded_width": 320}
    ),
    "mp4 odd size": Case("mp4", ("-pix_fmt", "yuv444p"), width=321, height=243),
    "mp4 cropped": Case("mp4", width=322, height=182, expected={"width": 322, "height": 182}),
    "mp4 padded": Case("mp4", _PADDED, 422, 182, expected={"coded_width": 422, "height": 182}),
    "mp4 cropped at the left": Case(
        "mp4", (*_PADDED[:-1], "h264_metadata=crop_left=10"), 422, 182, expected={"width": 412}
    ),
    "mp4 interlaced": Case("mp4", ("-flags", "+ildct+ilme"), height=288),
    "mp4 baseline": Case("mp4", ("-profile:v", "baseline")),
    "mp4 lossless 4:4:4": Case("mp4", ("-qp", "0", "-pix_fmt", "yuv444p")),
    "mp4 hevc": Case("mp4", (*_X265, "-tag:v", "hvc1"), expected={"video_codec": "hevc"}),
    "mp4 hevc hev1": Case("mp4", (*_X265, "-tag:v", "hev1")),
    "mp4 hevc pq": Case("mp4", (*pq("hevc"), "-tag:v", "hvc1"), expected={"hdr": "pq", **_BT2020}),
    "mp4 hevc hlg": Case("mp4", (*_HLG, "-tag:v", "hvc1"), expected={"hdr": "hlg", **_BT2020}),
    "mp4 h264 pq": Case("mp4", pq("h264"), expected={"hdr": "pq"}),
    "mp4 bt709": Case(
        "mp4",
        ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"),
        expected={"hdr": "sdr", "color_transfer": "bt709"},
    ),
    "mp4 av1 opus": Case(
        "mp4",
        ("-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-c:a", "libopus"),
        expected={"video_codec": "av1", "audio_codec": "opus"},
    ),
    "mp4 vp9 flac": Case(
        "mp4",
        ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "flac", "-strict", "-2"),
        expected={"video_codec": "vp9", "audio_codec": "flac"},
    ),
    "mp4 mpeg4 mp3": Case("mp4", ("-c:v", "mpeg4", "-c:a", "libmp3lame")),
    "mp4 mpeg2 ac3": Case("mp4", ("-c:v", "mpeg2video", "-c:a", "ac3"), fps="25"),
    "mp4 eac3 stereo": Case(
        "mp4", ("-c:a", "eac3", "-ac", "2"), expected={"audio_codec": "eac3", "audio_channels": 2}
    ),
    "mp4 mjpeg": Case("mp4", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")),
    "mp4 five channels": Case("mp4", ("-ac", "6", "-ar", "44100"), expected={"audio_channels": 6}),
    "mov h264": Case("mov", expected={"container": "mov"}),
    "mov padded": Case("mov", _PADDED, 422, 182, expected={"coded_width": 422, "height": 182}),
    "mov prores pcm": Case(
        "mov",
        ("-c:v", "prores_ks", "-c:a", "pcm_s24le"),
        expected={"video_codec": "prores", "audio_codec": "pcm_s24le"},
    ),
    "mov pcm 16": Case("mov", ("-c:a", "pcm_s16be")),
    "mov pcm float": Case("mov", ("-c:a", "pcm_f32le")),
    "mov alac": Case("mov", ("-c:a", "alac"), expected={"audio_codec": "alac"}),
    "mov adpcm": Case("mov", ("-c:a", "adpcm_ima_qt")),
    "mov mu-law": Case("mov", ("-c:a", "pcm_mulaw", "-ar", "8000")),
    "mov hevc 4:2:2": Case("mov", (*_X265, "-pix_fmt", "yuv422p10le")),
    "mov png": Case("mov", ("-c:v", "png", "-pix_fmt", "rgb24")),
    "mov dv": Case("mov", ("-c:v", "dvvideo", "-pix_fmt", "yuv420p"), width=720, height=576, fps="25"),
    "mov rawvideo": Case("mov", ("-c:v", "rawvideo", "-pix_fmt", "uyvy422"), width=64, height=48),
    "avi mpeg4 mp3": Case("avi", expected={"vfr": False, "fragmented": False}),
    "avi h264 aac": Case("avi", ("-c:v", "libx264", "-c:a", "aac"), audio=False),
    "avi padded": Case("avi", _PADDED, 422, 182, expected={"coded_width": 422, "height": 182}),
    "avi cropped by bitstream": Case(
        "avi", (*_PADDED[:-1], "h264_metadata=crop_right=20"), 432, 192, expected={"coded_width": 412}
    ),
    "avi mjpeg pcm": Case("avi", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le")),
    "avi xvid ac3": Case("avi", ("-c:v", "mpeg4", "-vtag", "XVID", "-c:a", "ac3")),
    "avi huffyuv u8": Case(
        "avi", ("-c:v", "huffyuv", "-pix_fmt", "yuv422p", "-c:a", "pcm_u8"), width=64, height=48
    ),
    "avi ffv1": Case("avi", ("-c:v", "ffv1", "-pix_fmt", "yuv420p"), width=64, height=48),
    "avi raw": Case("avi", ("-c:v", "rawvideo", "-pix_fmt", "bgr24"), width=64, height=48),
    "avi ntsc": Case("avi", fps="30000/1001"),
    "avi msmpeg4": Case("avi", ("-c:v", "msmpeg4", "-c:a", "wmav2")),
    "avi silent": Case("avi", audio=False),
    "webm vp8 opus": Case("webm", expected={"container": "webm", "audio_codec": "opus"}),
    "webm vp8 vorbis": Case("webm", ("-c:a", "libvorbis")),
    "webm vp9": Case("webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")),
    "webm av1": Case("webm", ("-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime")),
    "webm anamorphic": Case("webm", ("-vf", "setsar=2/1"), expected={"sar": "2:1", "width": 640}),
    "mkv h264 aac": Case("mkv", expected={"container": "mkv"}),
    "mkv padded": Case("mkv", _PADDED, 422, 182, expected={"coded_width": 422, "height": 182}),
    "mkv nearly square pixels": Case(
        "mkv", ("-aspect", "16:9"), 432, 240, expected={"coded_width": 432, "width": 427}
    ),
    "mkv hevc pq": Case("mkv", pq("hevc"), expected={"hdr": "pq", **_BT2020}),
    "mkv ffv1 flac": Case("mkv", ("-c:v", "ffv1", "-c:a", "flac"), width=64, height=48),
    "mkv mpeg2 mp2": Case("mkv", ("-c:v", "mpeg2video", "-c:a", "mp2"), fps="25"),
    "mkv pcm": Case("mkv", ("-c:a", "pcm_s24le"), expected={"audio_codec": "pcm_s24le"}),
    "mkv vfw": Case("mkv", ("-c:v", "msmpeg4", "-c:a", "ac3")),
    "mkv dts": Case("mkv", ("-c:a", "dca", "-strict", "-2"), expected={"audio_codec": "dts"}),
    "mkv theora": Case("mkv", ("-c:v", "libtheora", "-c:a", "libvorbis")),
    "mkv ntsc": Case("mkv", fps="30000/1001", expected={"frame_rate": 29.97}),
}


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_ffprobe(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = media.make_video(
        tmp_path / f"video.{case.container}",
        case.container,
        1.5,
        case.width,
        case.height,
        case.fps,
        case.audio,
        layout=case.layout,
        options=case.options,
    )
    found, theirs = read(path), oracle.ask(path)
    assert theirs is not None
    assert oracle.differences(found, theirs) == {}
    assert {name: getattr(found, name) for name in case.expected} == case.expected
    assert found.metadata_complete
    assert not found.truncated


def read(path: Path) -> Metadata:
    with FileSource(path) as file:
        return probe(file)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_is_clockwise_and_swaps_size(rotation: media.Rotation, tmp_path: Path) -> None:
    path = media.make_video(tmp_path / "a.mp4", rotation=rotation)
    found, theirs = read(path), oracle.ask(path)
    assert theirs is not None
    assert oracle.differences(found, theirs) == {}
    assert found.rotation == rotation
    assert (found.width, found.height) == ((240, 320) if rotation in (90, 270) else (320, 240))
    assert (found.coded_width, found.coded_height) == (320, 240)


def test_portrait_phone_video_is_1080_by_1920(tmp_path: Path) -> None:
    found = read(media.make_portrait_phone_video(tmp_path / "IMG_0001.MOV"))
    assert (found.container, found.width, found.height, found.rotation) == ("mov", 1080, 1920, 90)


@pytest.mark.parametrize("seconds", [2, 20])
@pytest.mark.parametrize("index", [True, False], ids=["finished", "crashed"])
def test_measures_duration_of_fragmented_recording(seconds: int, index: bool, tmp_path: Path) -> None:
    found = read(media.make_fragmented_mp4(tmp_path / "obs.mp4", seconds, index=index))
    assert found.fragmented
    assert found.duration_seconds == pytest.approx(seconds, abs=0.1)
    # ffmpeg's first fragment contains one long frame.
    assert found.frame_rate == pytest.approx(30, rel=0.02)
    assert not found.truncated


@pytest.mark.parametrize("audio", [True, False], ids=["with audio", "silent"])
@pytest.mark.parametrize("seconds", [1, 4, 10])
def test_measures_duration_of_live_recording(seconds: int, audio: bool, tmp_path: Path) -> None:
    """ffprobe reports no duration."""
    path = media.make_live_webm(tmp_path / "recording.webm", seconds, audio=audio)
    theirs = oracle.ask(path)
    assert theirs is not None
    assert theirs.duration is None
    found = read(path)
    assert found.duration_seconds == pytest.approx(seconds, abs=0.05)
    assert found.duration_source == "tail"
    assert found.frame_rate == 30
    assert found.metadata_complete


def test_measures_duration_of_truncated_recording(samples: dict[str, bytes]) -> None:
    """The duration is that of the remaining clusters."""
    whole = samples["live"]
    for cut in range(len(whole) // 2, len(whole), 997):
        found = probe(BytesSource(whole[:cut]))
        assert found.duration_seconds is not None
        assert 1 < found.duration_seconds <= 3.1


def test_reads_colour_from_bitstream_without_colr(tmp_path: Path) -> None:
    path = media.make_video(tmp_path / "a.mp4", options=(*pq("hevc"), "-tag:v", "hvc1"))
    data = path.read_bytes()
    assert b"colr" in data
    found = probe(BytesSource(data.replace(b"colr", b"skip")))
    assert (found.hdr, found.color_primaries, found.color_matrix) == ("pq", "bt2020", "bt2020nc")


def test_reads_aspect_ratio_from_bitstream_without_pasp(tmp_path: Path) -> None:
    path = media.make_video(tmp_path / "a.mp4", options=("-vf", "setsar=16/11"))
    data = bytearray(path.read_bytes().replace(b"pasp", b"skip"))
    # Remove the aspect ratio of the track header too.
    width_at = data.index(b"tkhd") + 4 + 76
    data[width_at : width_at + 4] = (320 << 16).to_bytes(4, "big")
    found = probe(BytesSource(bytes(data)))
    assert (found.sar, found.width) == ("16:11", 465)


def test_ignores_cover_image(tmp_path: Path) -> None:
    """Some editors write a track of one JPEG before the video."""
    film = media.make_video(tmp_path / "film.mp4")
    cover = tmp_path / "cover.jpg"
    media.run_ffmpeg("-f", "lavfi", "-i", "color=red:size=64x64", "-frames:v", "1", "-f", "mjpeg", str(cover))
    both = tmp_path / "both.mp4"
    media.run_ffmpeg(
        *("-i", str(cover), "-i", str(film), "-map", "0:v", "-map", "1", "-c", "copy", "-f", "mp4", str(both))
    )
    found = read(both)
    assert (found.video_codec, found.width) == ("h264", 320)


def test_old_quicktime_without_ftyp_is_mov(samples: dict[str, bytes]) -> None:
    data = samples["mov"]
    size = int.from_bytes(data[:4], "big")
    found = probe(BytesSource(data[size:]))
    assert (found.container, found.video_codec, found.width) == ("mov", "h264", 320)


def test_reads_compressed_movie_header(samples: dict[str, bytes]) -> None:
    plain = probe(BytesSource(samples["mov"]))
    found = probe(BytesSource(compress_header(samples["mov"])))
    assert found.duration_ms == plain.duration_ms
    assert (found.width, found.video_codec, found.audio_codec) == (320, "h264", "aac")


def compress_header(data: bytes) -> bytes:
    """Replace `moov` by a `cmov`, as QuickTime 3 to 7 wrote for the web."""
    start = data.index(b"moov") - 4
    size = int.from_bytes(data[start : start + 4], "big")
    moov = data[start : start + size]
    packed = box(b"cmvd", len(moov).to_bytes(4, "big"), zlib.compress(moov))
    return data[:start] + box(b"moov", box(b"cmov", box(b"dcom", b"zlib"), packed)) + data[start + size :]
