"""AVI files of camcorders, capture cards and interrupted recorders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mediaprobe import BytesSource, FileSource, Metadata, NoVideoTrack, Truncated, probe
from tests import media
from tests.mediaprobe import builders as b
from tests.mediaprobe import oracle

VIDEO = b.avi_stream(b"vids", 1, 25, 250, b.bitmap_info())
AUDIO = b.avi_stream(b"auds", 1, 48000, 480_000, b.wave_format())

UNWRITTEN = b"\xff" * 4


def read(data: bytes) -> Metadata:
    return probe(BytesSource(data))


@pytest.fixture(scope="module")
def dv_frames(folder: Path) -> dict[str, bytes]:
    """Return ten raw DV frames with sound of each kind."""
    frames = {}
    for name, target, size, fps in (
        ("pal", "pal", "720x576", "25"),
        ("ntsc", "ntsc", "720x480", "30000/1001"),
    ):
        for aspect in ("4:3", "16:9"):
            path = folder / f"{name}.{aspect[0]}.dv"
            media.run_ffmpeg(
                *("-f", "lavfi", "-i", f"testsrc=size={size}:rate={fps}:duration=0.4"),
                *("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=0.4", "-ac", "2"),
                *("-target", f"{target}-dv", "-aspect", aspect, str(path)),
            )
            frames[f"{name} {aspect}"] = path.read_bytes()
    return frames


def interleaved(frames: bytes, scale: int, rate: int, *, kind: bytes = b"iavs", junk: bytes = b"") -> bytes:
    """Return DV type 1, video and audio in one stream, whose format is DVINFO."""
    length = 144_000 if rate == 25 else 120_000
    count = len(frames) // length
    stream = b.avi_stream(kind, scale, rate, count, bytes(32)).replace(b"XVID", b"dvsd")
    header = b.chunks(b"LIST", b"hdrl", b.chunk(b"avih", bytes(56)), stream)
    chunks = b"".join(b.chunk(b"00__", frames[n * length : (n + 1) * length]) for n in range(count))
    return b.chunks(b"RIFF", b"AVI ", header, junk, b.chunks(b"LIST", b"movi", chunks))


@pytest.mark.parametrize("name", ["pal 4:3", "pal 16:9", "ntsc 4:3", "ntsc 16:9"])
def test_dv_type_1_agrees_with_ffprobe(dv_frames: dict[str, bytes], tmp_path: Path, name: str) -> None:
    scale, rate = (1, 25) if name.startswith("pal") else (1001, 30000)
    path = tmp_path / "type1.avi"
    path.write_bytes(interleaved(dv_frames[name], scale, rate))
    answer = oracle.ask(path)
    assert answer is not None
    with FileSource(path) as file:
        found = probe(file)
    assert oracle.differences(found, answer) == {}
    assert (found.video_codec, found.coded_width) == ("dvvideo", 720)
    assert (found.audio_codec, found.audio_channels, found.audio_sample_rate) == ("pcm_s16le", 2, 48000)


@pytest.mark.parametrize("name", ["pal 4:3", "ntsc 16:9"])
def test_dv_type_2_agrees_with_ffprobe(dv_frames: dict[str, bytes], folder: Path, name: str) -> None:
    path = folder / "type2.avi"
    raw = folder / "raw.dv"
    raw.write_bytes(dv_frames[name])
    media.run_ffmpeg("-i", str(raw), "-c", "copy", "-f", "avi", str(path))
    answer = oracle.ask(path)
    assert answer is not None
    with FileSource(path) as file:
        assert oracle.differences(probe(file), answer) == {}


def test_dv_type_1_without_frames_has_the_size_of_the_main_header() -> None:
    stream = b.avi_stream(b"ivas", 1, 25, 250, bytes(32))
    avih = bytes(32) + (720).to_bytes(4, "little") + (576).to_bytes(4, "little") + bytes(16)
    header = b.chunks(b"LIST", b"hdrl", b.chunk(b"avih", avih), stream)
    found = read(b.chunks(b"RIFF", b"AVI ", header, b.chunks(b"LIST", b"movi")))
    assert (found.video_codec, found.coded_width, found.coded_height) == ("dvvideo", 720, 576)
    assert (found.frame_rate, found.duration_ms) == (25.0, 10_000)


MOVIE = b.chunks(b"LIST", b"movi", bytes(64))
HEADER = b.chunks(b"LIST", b"hdrl", b.chunk(b"avih", bytes(56)), AUDIO, VIDEO)
LAYOUTS: dict[str, Callable[[], bytes]] = {
    "junk before the header": lambda: b.chunks(
        b"RIFF", b"AVI ", b.chunk(b"JUNK", bytes(5000)), HEADER, MOVIE
    ),
    "tags before the header": lambda: b.chunks(
        b"RIFF", b"AVI ", b.chunks(b"LIST", b"INFO", b.chunk(b"ISFT", b"Camera\0")), HEADER, MOVIE
    ),
    "an unknown chunk before the header": lambda: b.chunks(
        b"RIFF", b"AVI ", b.chunk(b"abcd", bytes(40)), HEADER, MOVIE
    ),
    "a chunk whose name is no text": lambda: b.chunks(
        b"RIFF", b"AVI ", b.chunk(b"\0\1\2\3", bytes(40)), HEADER, MOVIE
    ),
    "the header after the media": lambda: b.chunks(b"RIFF", b"AVI ", MOVIE, HEADER),
    "another name of the header": lambda: b.chunks(b"RIFF", b"AVI ", HEADER.replace(b"hdrl", b"head"), MOVIE),
    "another name of the stream": lambda: b.chunks(b"RIFF", b"AVI ", HEADER.replace(b"strl", b"strm"), MOVIE),
    "no sizes of lists": lambda: b"".join(
        (
            b"RIFF\0\0\0\0AVI LIST\0\0\0\0hdrl",
            b.chunk(b"avih", bytes(56)),
            AUDIO,
            VIDEO,
            b"LIST\0\0\0\0movi",
            bytes(64),
        )
    ),
    "too small a header": lambda: b.chunks(b"RIFF", b"AVI ", b"LIST\x10\0\0\0" + HEADER[8:], MOVIE),
    "too large a header": lambda: b.chunks(b"RIFF", b"AVI ", b"LIST\0\0\0\x7f" + HEADER[8:], MOVIE),
    "an empty format first": lambda: b.chunks(
        b"RIFF", b"AVI ", HEADER.replace(b"strf\x28", b"strf\0\0\0\0strf\x28"), MOVIE
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_reads_streams_with(name: str) -> None:
    found = read(LAYOUTS[name]())
    assert (found.width, found.height, found.video_codec, found.audio_codec) == (640, 360, "mpeg4", "mp3")
    assert (found.duration_ms, found.frame_rate) == (10_000, 25.0)


def test_stream_without_format_has_the_codec_of_its_header() -> None:
    stream = VIDEO.replace(b.chunk(b"strf", b.bitmap_info()), b"")
    avih = bytes(32) + (320).to_bytes(4, "little") + (240).to_bytes(4, "little") + bytes(16)
    header = b.chunks(b"LIST", b"hdrl", b.chunk(b"avih", avih), stream)
    found = read(b.chunks(b"RIFF", b"AVI ", header, MOVIE))
    assert (found.video_codec, found.width, found.height, found.frame_rate) == ("mpeg4", 320, 240, 25.0)


def test_stream_of_unknown_type_with_a_bitmap_is_a_video() -> None:
    found = read(b.avi(AUDIO, VIDEO.replace(b"vids", b"abcd")))
    assert (found.width, found.duration_ms) == (640, 10_000)


@pytest.mark.parametrize("kind", [b"txts", b"mids", b"dats", b"auds"])
def test_file_without_pictures_is_refused(kind: bytes) -> None:
    with pytest.raises(NoVideoTrack):
        read(b.avi(b.avi_stream(kind, 1, 25, 250, b"")))


@pytest.mark.parametrize("code", [b"DXSA", b"DXSB"])
def test_picture_subtitles_are_no_video(code: bytes) -> None:
    subtitles = b.avi_stream(b"vids", 1, 25, 250, b.bitmap_info(fourcc=code))
    assert read(b.avi(subtitles, VIDEO)).video_codec == "mpeg4"


@pytest.mark.parametrize(
    "streams",
    [
        pytest.param((AUDIO, b.avi_stream(b"abcd", 1, 25, 250, b"")), id="unknown type"),
        pytest.param((AUDIO, b.chunk(b"\0\0\0\1", bytes(40))), id="strange chunk"),
        pytest.param((AUDIO,) * 300, id="300 streams"),
    ],
)
def test_doubt_about_a_stream_does_not_refuse(streams: tuple[bytes, ...]) -> None:
    found = read(b.avi(*streams))
    assert (found.container, found.width, found.audio_codec) == ("avi", None, "mp3")


def test_header_cut_off_before_the_video_does_not_refuse() -> None:
    whole = b.avi(AUDIO, VIDEO)
    found = read(whole[: whole.index(VIDEO)])
    assert (found.width, found.audio_codec, found.truncated) == (None, "mp3", True)


def test_file_that_ends_before_its_streams_is_refused() -> None:
    whole = b.avi(AUDIO, VIDEO)
    with pytest.raises(Truncated):
        read(whole[: whole.index(AUDIO)])


@pytest.mark.parametrize(
    ("code", "name"),
    [
        *(
            (code, "dvvideo")
            for code in (b"CDVH", b"CDV5", b"cdvc", b"dvcp", b"DVCP", b"dvcs", b"SL25", b"SLDV", b"pdvc")
        ),
        *(
            (code, "mjpeg")
            for code in (b"dmb1", b"JPGL", b"MJPG", b"mjpg", b"Mjpg", b"AVDJ", b"MTSJ", b"ZJPG")
        ),
        *((code, "mpeg2video") for code in (b"M701", b"M705", b"MMES", b"mpgv", b"MPEG", b"\x02\0\0\x10")),
        *((code, "mpeg1video") for code in (b"mpeg", b"PIM1", b"\x01\0\0\x10", b"XMPG")),
        *((code, "mpeg4") for code in (b"\x04\0\0\0", b"DM4V", b"SIPP", b"xvid", b"DivX")),
        (b"M101", "m101"),
        (b"SP54", "sp5x"),
        (b"CHQX", "hqx"),
        (b"abcd", "abcd"),
    ],
)
def test_names_codec_of_cameras_and_capture_cards(code: bytes, name: str) -> None:
    found = read(b.avi(b.avi_stream(b"vids", 1, 25, 250, b.bitmap_info(fourcc=code))))
    assert found.video_codec == name


def test_mpeg_program_stream_in_avi_is_ready(folder: Path) -> None:
    """Some cameras put MPEG program stream packs into an AVI file's video stream."""
    path = folder / "packs.mpg"
    media.run_ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=size=352x288:rate=25:duration=1", "-c:v", "mpeg2video"),
        *("-f", "mpeg", str(path)),
    )
    data = path.read_bytes()
    for code, name in ((b"MPEG", "mpeg2video"), (b"mpg2", "mpeg2video"), (b"PIM1", "mpeg1video")):
        stream = b.avi_stream(b"vids", 1, 25, 25, b.bitmap_info(352, 288, code))
        header = b.chunks(b"LIST", b"hdrl", b.chunk(b"avih", bytes(56)), stream)
        found = read(b.chunks(b"RIFF", b"AVI ", header, b.chunks(b"LIST", b"movi", b.chunk(b"00dc", data))))
        assert (found.video_codec, found.width, found.duration_ms) == (name, 352, 1000)


def piped(length: int = 1 << 30) -> bytes:
    """Return what FFmpeg writes to a pipe, where it cannot go back to write the sizes and lengths."""
    streams = (
        b.avi_stream(b"vids", 1, 25, length, b.bitmap_info()),
        b.avi_stream(b"auds", 1, 48000, length, b.wave_format()),
    )
    header = b.chunks(b"LIST", b"hdrl", b.chunk(b"avih", bytes(56)), *streams)
    return b"".join((b"RIFF", UNWRITTEN, b"AVI ", header, b"LIST", UNWRITTEN, b"movi", bytes(5000)))


def test_file_from_a_pipe_is_whole_and_has_no_duration() -> None:
    found = read(piped())
    assert (found.width, found.frame_rate, found.duration_ms) == (640, 25.0, None)
    assert (found.truncated, found.available_percent) == (False, None)


@pytest.mark.parametrize("size", [5, 9, 100, 0x7FFFFFFF], ids=hex)
def test_whole_file_with_another_size_of_its_first_list_is_not_truncated(size: int) -> None:
    whole = b.avi(VIDEO)
    assert not read(whole[:4] + (len(whole) - 8 + size).to_bytes(4, "little") + whole[8:]).truncated


def test_media_list_that_counts_its_own_header_is_not_truncated() -> None:
    media = b.chunks(b"LIST", b"movi", bytes(5000), size=5012)
    header = b.chunks(b"LIST", b"hdrl", b.chunk(b"avih", bytes(56)), VIDEO)
    whole = b.chunks(b"RIFF", b"AVI ", header, media)
    assert not read(whole).truncated
    assert read(whole[:-100]).truncated


@pytest.mark.parametrize("size", [0x10000000, 0xFFFFFFFF], ids=hex)
def test_damaged_size_in_the_header_does_not_make_the_file_truncated(size: int) -> None:
    header = b.chunks(b"LIST", b"hdrl", VIDEO, b.chunk(b"JUNK", bytes(40), size=size))
    assert not read(b.chunks(b"RIFF", b"AVI ", header, b.chunks(b"LIST", b"movi", bytes(5000)))).truncated
