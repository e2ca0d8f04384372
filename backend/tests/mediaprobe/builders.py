"""Builds MP4, Matroska and AVI structures byte by byte, and large sparse files of them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tests.mediaprobe.sources import SparseSource

# --- ISO base media ---------------------------------------------------------------------------------------------

MATRIX = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
# A High profile SPS of 640 x 360 without VUI, and a PPS, as libx264 writes them.
SPS = bytes.fromhex("6764001eacd940a02ff970110000030001000003003c0f162d96")
PPS = bytes.fromhex("68ebe3cb22c0")


def unsigned_golomb(*values: int) -> str:
    """Return Exp-Golomb codes (H.264 9.1) as a string of bits."""
    return "".join(f"{value + 1:b}".rjust(2 * (value + 1).bit_length() - 1, "0") for value in values)


def packed_bits(bits: str) -> bytes:
    """Return the bits and a stop bit (H.264 7.3.2.11), filled up to whole bytes."""
    bits += "1"
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def h264_sps(
    width: int, height: int, crop: tuple[int, int, int, int] | None = None, *, fields: bool = False
) -> bytes:
    """Return a Baseline SPS. `crop` has the pixels at the left, right, top and bottom."""
    bits = unsigned_golomb(0, 0, 2, 1) + "0"
    bits += (
        unsigned_golomb(width // 16 - 1, height // (32 if fields else 16) - 1)
        + ("00" if fields else "1")
        + "1"
    )
    unit = 4 if fields else 2
    bits += (
        "0"
        if crop is None
        else "1" + unsigned_golomb(crop[0] // 2, crop[1] // 2, crop[2] // unit, crop[3] // unit)
    )
    return b"\x67\x42\xc0\x28" + packed_bits(bits + "0")


def hevc_sps(width: int, height: int, crop: tuple[int, int, int, int] | None = None) -> bytes:
    """Return an SPS up to the conformance window."""
    bits = "0" * 8 + "00000001" * 12 + unsigned_golomb(0, 1, width, height)
    bits += "0" if crop is None else "1" + unsigned_golomb(*(pixels // 2 for pixels in crop))
    return b"\x42\x01" + packed_bits(bits)


def av1_sequence(width: int, height: int) -> bytes:
    """Return a sequence header OBU up to the size."""
    bits = "0" * 5 + "00" + "0" * 5 + "0" * 12 + "00101" + "1111" * 2 + f"{width - 1:016b}{height - 1:016b}"
    payload = packed_bits(bits)
    return b"\x0a" + bytes([len(payload)]) + payload


def configuration(codec: str, sequence: bytes) -> tuple[bytes, bytes]:
    """Return the type and the content of the configuration box of a codec."""
    if codec == "h264":
        return b"avcC", avcc(sequence)[8:]
    if codec == "hevc":
        array = b"\x21" + struct.pack(">HH", 1, len(sequence)) + sequence
        return b"hvcC", b"\x01" + bytes(21) + b"\x01" + array
    return b"av1C", b"\x81\0\0\0" + sequence


def box(kind: bytes, *children: bytes, size: int | None = None) -> bytes:
    payload = b"".join(children)
    return struct.pack(">I4s", 8 + len(payload) if size is None else size, kind) + payload


def large_box_header(kind: bytes, payload_size: int) -> bytes:
    return struct.pack(">I4sQ", 1, kind, 16 + payload_size)


def full_box(kind: bytes, version: int, flags: int, *children: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *children)


def ftyp(major: bytes = b"isom") -> bytes:
    return box(b"ftyp", major, struct.pack(">I", 512), b"isomiso2mp41")


def mvhd(duration: int, timescale: int = 1000) -> bytes:
    head = struct.pack(">IIII", 0, 0, timescale, duration & 0xFFFFFFFF)
    return full_box(
        b"mvhd", 0, 0, head, struct.pack(">IH10x", 1 << 16, 1 << 8), MATRIX, bytes(24), b"\0\0\0\3"
    )


def tkhd(
    track: int, duration: int = 0, width: int = 640, height: int = 360, *, enabled: bool = True
) -> bytes:
    head = struct.pack(">IIIII", 0, 0, track, 0, duration & 0xFFFFFFFF)
    return full_box(
        b"tkhd",
        0,
        3 if enabled else 2,
        head,
        bytes(16),
        MATRIX,
        struct.pack(">II", width << 16, height << 16),
    )


def hdlr(kind: bytes) -> bytes:
    return full_box(b"hdlr", 0, 0, bytes(4), kind, bytes(12), b"Handler\0")


def visual_entry(kind: bytes = b"avc1", width: int = 640, height: int = 360, *children: bytes) -> bytes:
    head = bytes(6) + struct.pack(">H", 1) + bytes(16) + struct.pack(">HH", width, height)
    head += struct.pack(">IIIH", 0x480000, 0x480000, 0, 1) + bytes(32) + struct.pack(">Hh", 24, -1)
    return box(kind, head, *(children or (avcc(),)))


def avcc(sps: bytes = SPS) -> bytes:
    head = bytes([1, sps[1], sps[2], sps[3], 0xFF, 0xE1])
    return box(b"avcC", head, struct.pack(">H", len(sps)), sps, b"\1", struct.pack(">H", len(PPS)), PPS)


def audio_entry(kind: bytes = b"mp4a", channels: int = 2, rate: int = 48000, *children: bytes) -> bytes:
    head = bytes(6) + struct.pack(">H", 1) + bytes(8) + struct.pack(">HHHHI", channels, 16, 0, 0, rate << 16)
    return box(kind, head, *(children or (esds(),)))


def esds(object_type: int = 0x40, config: bytes = b"\x11\x90") -> bytes:
    specific = b"\x05" + bytes([len(config)]) + config
    decoder = bytes([object_type, 0x15]) + bytes(3) + struct.pack(">II", 128000, 128000) + specific
    descriptor = b"\x04" + bytes([len(decoder)]) + decoder
    return full_box(b"esds", 0, 0, b"\x03", bytes([3 + len(descriptor)]), b"\0\1\0", descriptor)


def stsd(*entries: bytes) -> bytes:
    return full_box(b"stsd", 0, 0, struct.pack(">I", len(entries)), *entries)


def stts(*runs: tuple[int, int]) -> bytes:
    table = b"".join(struct.pack(">II", *run) for run in runs)
    return full_box(b"stts", 0, 0, struct.pack(">I", len(runs)), table)


def trak(
    track: int,
    handler: bytes,
    entry: bytes,
    timescale: int,
    runs: Sequence[tuple[int, int]],
    *,
    header: bytes | None = None,
    tables: bool = True,
    reordered: bool = False,
) -> bytes:
    """Return a track whose tables have the size of a real film's, which a reader must skip."""
    samples, ticks = sum(n for n, _ in runs), sum(n * d for n, d in runs)
    stbl = [stsd(entry), stts(*runs)]
    if tables:
        stbl += [full_box(b"ctts", 0, 0, struct.pack(">I", samples), bytes(8 * samples))] if reordered else []
        stbl += [full_box(b"stsc", 0, 0, struct.pack(">I", 0))]
        stbl += [full_box(b"stsz", 0, 0, struct.pack(">II", 0, samples), bytes(4 * samples))]
        stbl += [full_box(b"stco", 0, 0, struct.pack(">I", samples // 2), bytes(4 * (samples // 2)))]
    media = full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, timescale, ticks, 0, 0))
    minf = box(b"minf", box(b"dinf"), box(b"stbl", *stbl))
    return box(b"trak", header or tkhd(track), box(b"mdia", media, hdlr(handler), minf))


def moov(*children: bytes) -> bytes:
    return ftyp() + box(b"moov", *children)


def one_track(entry: bytes, *tables: bytes) -> bytes:
    """Return a film of one video track with this sample entry and these tables."""
    stbl = box(b"stbl", stsd(entry), *tables)
    media = full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, 90000, 900000, 0, 0))
    minf = box(b"minf", stbl)
    return moov(mvhd(10_000), box(b"trak", tkhd(1), box(b"mdia", media, hdlr(b"vide"), minf)))


def video_trak(
    seconds: int, fps: int = 30, *, vfr: bool = False, track: int = 1, tables: bool = True
) -> bytes:
    frames = seconds * fps
    if not vfr:
        return trak(
            track, b"vide", visual_entry(), 90000, [(frames, 90000 // fps)], reordered=True, tables=tables
        )
    step = 90000 // fps
    runs = [(1, step - step // 3 if index % 2 else step + step // 3) for index in range(frames)]
    return trak(track, b"vide", visual_entry(), 90000, runs, reordered=True, tables=tables)


def audio_trak(seconds: int, *, track: int = 2, tables: bool = True) -> bytes:
    return trak(track, b"soun", audio_entry(), 48000, [(seconds * 48000 // 1024, 1024)], tables=tables)


def progressive_mp4(
    seconds: int,
    media_bytes: int,
    *,
    moov_first: bool,
    vfr: bool = False,
    audios: int = 1,
    major: bytes = b"isom",
) -> SparseSource:
    """Return a film with tables of real size and without media bytes."""
    traks = [video_trak(seconds, vfr=vfr), *(audio_trak(seconds, track=2 + n) for n in range(audios))]
    moov = box(b"moov", mvhd(seconds * 1000), *traks, box(b"udta", bytes(600)))
    source = SparseSource().add(ftyp(major))
    if moov_first:
        source.add(moov)
    source.add(large_box_header(b"mdat", media_bytes)).skip(media_bytes)
    return source if moov_first else source.add(moov)


def fragment_header(
    number: int, times: Sequence[tuple[int, int, int, int]], *, smooth: bool = False
) -> bytes:
    """Return a `moof`. `times` has ID, decode time, sample count and sample duration by track.

    A `smooth` one has the decode time in `tfxd`, as in Smooth Streaming.
    """
    trafs = [
        box(
            b"traf",
            full_box(b"tfhd", 0, 0x020008, struct.pack(">II", track, length)),
            box(b"uuid", TFXD, b"\1\0\0\0", struct.pack(">QQ", start, count * length))
            if smooth
            else full_box(b"tfdt", 1, 0, struct.pack(">Q", start)),
            full_box(b"trun", 0, 0x000201, struct.pack(">Ii", count, 0), bytes(4 * count)),
        )
        for track, start, count, length in times
    ]
    return box(b"moof", full_box(b"mfhd", 0, 0, struct.pack(">I", number)), *trafs)


TFXD = bytes.fromhex("6d1d9b0542d544e680e2141daff757b2")


def fragmented_moov(*, mehd_ms: int | None = None, audio: bool = True) -> bytes:
    """Return a `moov` with two tracks without samples and `mvex`."""
    traks = [trak(1, b"vide", visual_entry(), 90000, [], tables=False)]
    traks += [trak(2, b"soun", audio_entry(), 48000, [], tables=False)] if audio else []
    trex = [full_box(b"trex", 0, 0, struct.pack(">IIIII", n + 1, 1, 0, 0, 0)) for n in range(len(traks))]
    mehd = [full_box(b"mehd", 0, 0, struct.pack(">I", mehd_ms))] if mehd_ms is not None else []
    return box(b"moov", mvhd(0), *traks, box(b"mvex", *mehd, *trex))


def fragmented_mp4(
    seconds: int,
    fragment_bytes: int,
    *,
    fragment_seconds: int = 2,
    mfra: bool = False,
    sidx: bool = False,
    indexes: int = 1,
    mehd: bool = False,
    fps: int = 30,
) -> SparseSource:
    """Return a fragmented film. `indexes` is the number of consecutive `sidx`, of which FFmpeg writes one per track."""
    count = seconds // fragment_seconds
    frames, blocks = fragment_seconds * fps, fragment_seconds * 48000 // 1024
    moofs = [
        fragment_header(
            n + 1,
            [(1, n * fragment_seconds * 90000, frames, 90000 // fps), (2, n * blocks * 1024, blocks, 1024)],
        )
        for n in range(count)
    ]
    source = SparseSource().add(ftyp(b"iso5") + fragmented_moov(mehd_ms=seconds * 1000 if mehd else None))
    if sidx:
        rows = b"".join(
            struct.pack(">III", len(moof) + 8 + fragment_bytes, fragment_seconds * 1000, 0x90000000)
            for moof in moofs
        )
        size = 32 + len(rows)
        for following in reversed(range(indexes)):
            track = indexes - following
            head = struct.pack(">IIIIHH", track, 1000, 0, following * size, 0, count)
            source.add(full_box(b"sidx", 0, 0, head, rows))
    offsets = []
    for moof in moofs:
        offsets.append(source.size)
        source.add(moof + box(b"mdat", size=8 + fragment_bytes)).skip(fragment_bytes)
    if mfra:
        rows = b"".join(
            struct.pack(">QQBBB", n * fragment_seconds * 90000, at, 1, 1, 1) for n, at in enumerate(offsets)
        )
        tfra = full_box(b"tfra", 1, 0, struct.pack(">III", 1, 0, count), rows)
        source.add(box(b"mfra", tfra, full_box(b"mfro", 0, 0, struct.pack(">I", 8 + len(tfra) + 16))))
    return source


# --- Matroska ---------------------------------------------------------------------------------------------------

UNKNOWN = b"\x01" + b"\xff" * 7


def element(identity: int, *children: bytes, size: int | None = None) -> bytes:
    payload = b"".join(children)
    length = len(payload) if size is None else size
    return id_bytes(identity) + (length | 1 << 56).to_bytes(8, "big") + payload


def id_bytes(identity: int) -> bytes:
    return identity.to_bytes((identity.bit_length() + 7) // 8, "big")


def uint(identity: int, value: int) -> bytes:
    return element(identity, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def real(identity: int, value: float) -> bytes:
    return element(identity, struct.pack(">d", value))


def ebml_header(doc_type: bytes = b"webm") -> bytes:
    return element(0x1A45DFA3, uint(0x4286, 1), element(0x4282, doc_type))


def info(duration_ms: float | None, scale: int = 1_000_000) -> bytes:
    return element(
        0x1549A966, uint(0x2AD7B1, scale), real(0x4489, duration_ms) if duration_ms is not None else b""
    )


def video_entry(
    *,
    number: int = 1,
    default_duration: int | None = None,
    extra: bytes = b"",
    shape: bytes = b"",
    codec: bytes = b"V_VP8",
    private: bytes = b"",
) -> bytes:
    shape = shape or uint(0xB0, 640) + uint(0xBA, 360)
    duration = uint(0x23E383, default_duration) if default_duration is not None else b""
    return element(
        0xAE,
        uint(0xD7, number),
        uint(0x83, 1),
        element(0x86, codec),
        element(0x63A2, private) if private else b"",
        duration,
        element(0xE0, shape),
        extra,
    )


def audio_track_entry(number: int = 2) -> bytes:
    audio = element(0xE1, real(0xB5, 48000.0), uint(0x9F, 2))
    return element(0xAE, uint(0xD7, number), uint(0x83, 2), element(0x86, b"A_OPUS"), audio)


def tracks(*entries: bytes) -> bytes:
    return element(0x1654AE6B, *entries)


def simple_block(track: int, time: int, size: int) -> bytes:
    """Return the header of a SimpleBlock. The caller appends or skips `size` bytes of payload."""
    return element(0xA3, bytes([0x80 | track]), struct.pack(">hB", time, 0x80), size=4 + size)


def matroska(*children: bytes) -> bytes:
    return ebml_header() + id_bytes(0x18538067) + UNKNOWN + b"".join(children)


def cluster(*blocks: bytes) -> bytes:
    return element(0x1F43B675, uint(0xE7, 0), *blocks)


def add_cluster(source: SparseSource, start_ms: int, seconds: int, frame_bytes: int, fps: int = 30) -> None:
    """Add a Cluster of unknown size with a video block for each frame, without its bytes."""
    source.add(id_bytes(0x1F43B675) + UNKNOWN + uint(0xE7, start_ms))
    for frame in range(seconds * fps):
        source.add(simple_block(1, round(frame * 1000 / fps), frame_bytes)).skip(frame_bytes)


def live_webm(seconds: int, cluster_seconds: int, bytes_per_second: int, fps: int = 30) -> SparseSource:
    """Return a recording without Duration and Cues, and with only its first and last cluster."""
    source = SparseSource().add(
        ebml_header() + id_bytes(0x18538067) + UNKNOWN + info(None) + tracks(video_entry())
    )
    frame_bytes = bytes_per_second // fps
    add_cluster(source, 0, cluster_seconds, frame_bytes, fps)
    source.skip((seconds - 2 * cluster_seconds) * bytes_per_second)
    add_cluster(source, (seconds - cluster_seconds) * 1000, cluster_seconds, frame_bytes, fps)
    return source


def matroska_with_header(
    seconds: int,
    frame_bytes: int,
    doc_type: bytes = b"matroska",
    *,
    default_duration: int | None = 33_333_333,
) -> SparseSource:
    """Return a finished file with Duration and known sizes, and with only one cluster."""
    head = info(seconds * 1000.0) + tracks(
        video_entry(default_duration=default_duration), audio_track_entry()
    )
    clusters = SparseSource()
    add_cluster(clusters, 0, 5, frame_bytes)
    rest = (seconds - 5) * 30 * frame_bytes
    source = SparseSource().add(ebml_header(doc_type))
    source.add(id_bytes(0x18538067) + (len(head) + clusters.size + rest | 1 << 56).to_bytes(8, "big") + head)
    add_cluster(source, 0, 5, frame_bytes)
    return source.skip(rest)


# --- AVI --------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, *children: bytes, size: int | None = None) -> bytes:
    payload = b"".join(children)
    return (
        kind + struct.pack("<I", len(payload) if size is None else size) + payload + bytes(len(payload) & 1)
    )


def chunks(kind: bytes, form: bytes, *children: bytes, size: int | None = None) -> bytes:
    return chunk(kind, form, *children, size=size)


def avi_stream(kind: bytes, scale: int, rate: int, length: int, form: bytes) -> bytes:
    strh = (
        kind + b"XVID" + struct.pack("<IHHIIIIIIII", 0, 0, 0, 0, scale, rate, 0, length, 0, 0, 0) + bytes(8)
    )
    return chunks(b"LIST", b"strl", chunk(b"strh", strh), chunk(b"strf", form), chunk(b"indx", bytes(64)))


def bitmap_info(width: int = 640, height: int = 360, fourcc: bytes = b"XVID") -> bytes:
    return struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, fourcc, 0, 0, 0, 0, 0)


def wave_format(tag: int = 0x55, channels: int = 2, rate: int = 48000, bits: int = 0) -> bytes:
    return struct.pack("<HHIIHHH", tag, channels, rate, 16000, 1, bits, 0)


def avi_header(frames: int, fps: int = 30, total: int | None = None, first_riff: int = 0) -> bytes:
    streams = [
        avi_stream(b"vids", 1, fps, frames, bitmap_info()),
        avi_stream(b"auds", 1, 48000, frames * 48000 // fps, wave_format()),
    ]
    extended = (
        [chunks(b"LIST", b"odml", chunk(b"dmlh", struct.pack("<I", total)))] if total is not None else []
    )
    return chunks(b"LIST", b"hdrl", chunk(b"avih", struct.pack("<16xI36x", first_riff)), *streams, *extended)


def avi(*children: bytes) -> bytes:
    header = chunks(b"LIST", b"hdrl", chunk(b"avih", bytes(56)), *children)
    return chunks(b"RIFF", b"AVI ", header, chunks(b"LIST", b"movi"))


def opendml_avi(seconds: int, media_bytes: int, fps: int = 30) -> SparseSource:
    """Return a file with two RIFF lists. The header counts the frames of the first, and `dmlh` all of them."""
    half = media_bytes // 2
    header = avi_header(seconds * fps // 2, fps, total=seconds * fps, first_riff=seconds * fps // 2)
    riff = 4 + len(header) + 12 + half
    source = SparseSource().add(b"RIFF" + struct.pack("<I", riff) + b"AVI " + header)
    source.add(b"LIST" + struct.pack("<I", 4 + half) + b"movi").skip(half)
    source.add(
        b"RIFF" + struct.pack("<I", 16 + half) + b"AVIX" + b"LIST" + struct.pack("<I", 4 + half) + b"movi"
    )
    return source.skip(half)
