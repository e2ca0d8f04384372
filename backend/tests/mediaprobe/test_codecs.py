"""FFmpeg's names of codec codes."""

from __future__ import annotations

import subprocess

import pytest

from mediaprobe import codecs


@pytest.mark.parametrize(
    ("fourcc", "name"),
    [
        (b"avc1", "h264"),
        (b"hev1", "hevc"),
        (b"dvh1", "hevc"),
        (b"av01", "av1"),
        (b"vp09", "vp9"),
        (b"apch", "prores"),
        (b"jpeg", "mjpeg"),
        (b"rle ", "qtrle"),
        (b"SVQ3", "svq3"),
        (b"DXD3", "dxv"),
        (b"dvlp", "dvvideo"),
        (b"BGRA", "rawvideo"),
        (b"avs2", "cavs"),
        (b"yv12", "rawvideo"),
        (b"XVID", "mpeg4"),
        (b"zzzz", "zzzz"),
        (b"\0\1\2\3", "0x00010203"),
    ],
)
def test_names_mp4_video_codec(fourcc: bytes, name: str) -> None:
    assert codecs.mp4_video(fourcc) == name


@pytest.mark.parametrize(
    ("fourcc", "name"),
    [
        (b"mp4a", "aac"),
        (b"Opus", "opus"),
        (b"sowt", "pcm_s16le"),
        (b"ms\0\x55", "mp3"),
        (b"ac-3", "ac3"),
        (b"wma ", "wmav2"),
        (b"mhm1", "mpegh_3d_audio"),
        (b".mp2", "mp2"),
        (b"DTS ", "dts"),
        (b"MP4A", "aac"),
        (b"abcd", "abcd"),
    ],
)
def test_names_mp4_audio_codec(fourcc: bytes, name: str) -> None:
    assert codecs.mp4_audio(fourcc) == name


@pytest.mark.parametrize(
    ("fourcc", "name"),
    [
        (b"\0\0\0\0", "rawvideo"),
        (b"\1\0\0\0", "msrle"),
        (b"MJPG", "mjpeg"),
        (b"DIV3", "msmpeg4v3"),
        (b"H264", "h264"),
    ],
)
def test_names_avi_video_codec(fourcc: bytes, name: str) -> None:
    assert codecs.avi_video(fourcc) == name


@pytest.mark.parametrize(
    ("tag", "bits", "name"),
    [
        (1, 8, "pcm_u8"),
        (1, 16, "pcm_s16le"),
        (1, 24, "pcm_s24le"),
        (3, 32, "pcm_f32le"),
        (0x55, 0, "mp3"),
        (0x566F, 0, "vorbis"),
        (0x802B, 0, "mp2"),
        (0x802C, 0, "ac3"),
        (0x87AF, 0, "eac3"),
        (0xAABF, 0, "atrac3p"),
        (0xABCD, 0, "0xabcd"),
    ],
)
def test_names_wave_audio_codec(tag: int, bits: int, name: str) -> None:
    assert codecs.wave_audio(tag, bits) == name


@pytest.mark.parametrize(
    ("codec_id", "bits", "name"),
    [
        ("V_MPEG4/ISO/AVC", 0, "h264"),
        ("V_AV1", 0, "av1"),
        ("A_AAC/MPEG4/LC/SBR", 0, "aac"),
        ("A_AAC", 0, "aac"),
        ("A_DTS/LOSSLESS", 0, "dts"),
        ("A_PCM/INT/LIT", 24, "pcm_s24le"),
        ("A_PCM/INT/LIT", 8, "pcm_u8"),
        ("A_PCM/INT/BIG", 16, "pcm_s16be"),
        ("A_PCM/FLOAT/IEEE", 64, "pcm_f64le"),
        ("V_SOMETHING", 0, "V_SOMETHING"),
        ("", 0, "0x"),
    ],
)
def test_names_matroska_codec(codec_id: str, bits: int, name: str) -> None:
    assert codecs.matroska(codec_id, bits) == name


def test_every_name_is_known_to_ffmpeg() -> None:
    """The test lists codecs newer than the pinned ffmpeg."""
    done = subprocess.run(["ffmpeg", "-v", "error", "-codecs"], capture_output=True, text=True, check=True)
    known = {line.split()[1] for line in done.stdout.splitlines() if len(line.split()) > 2}
    tables = (codecs._MP4_VIDEO, codecs._MP4_AUDIO, codecs._AVI_VIDEO, codecs._MATROSKA)
    names = {name for table in tables for name in table.values()}
    names |= set(codecs._OBJECT_TYPES.values()) | set(codecs._WAVE_TAGS.values())
    assert names - known == NEWER


NEWER = {"ac4", "apv", "evc", "lcevc", "media100"}
