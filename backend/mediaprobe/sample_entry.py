"""Reads codec, size, colour and audio format from `stsd` (ISO/IEC 14496-12, 8.5.2, and QuickTime)."""

from __future__ import annotations

import struct
from itertools import islice
from typing import NamedTuple

from mediaprobe import bitstream, codecs
from mediaprobe.boxes import Box, body, boxes, u16, u32
from mediaprobe.findings import Audio, Video, ratio
from mediaprobe.reader import Reader
from mediaprobe.riff import read_wave_format

# Sample entry header (8) and VisualSampleEntry (70), then the child boxes.
_VISUAL_CHILDREN = 78
# A sample entry has fewer than 20 boxes.
_MAX_CHILDREN = 256
_UNSPECIFIED = 2
_SAMPLING_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_AAC_CHANNELS = (None, 1, 2, 3, 4, 5, 6, 8)


def first_entry(reader: Reader, stsd: Box) -> Box | None:
    """Return the first sample entry. Further ones have other settings of the same codec."""
    for entry in boxes(reader, stsd.body + 8, stsd.end):
        return entry
    return None


def read_video(reader: Reader, entry: Box, video: Video) -> bitstream.SequenceHeader | None:
    """Read the values of the container, and return those of the bitstream. `tkhd` ranks between them."""
    head = reader.read(entry.body, min(_VISUAL_CHILDREN, entry.end - entry.body))
    video.codec, video.width, video.height = codecs.mp4_video(entry.type), u16(head, 24), u16(head, 26)
    header: bitstream.SequenceHeader | None = None
    for box in islice(boxes(reader, entry.body + _VISUAL_CHILDREN, entry.end), _MAX_CHILDREN):
        if box.type in _CONFIGURATIONS and header is None:
            data = body(reader, box, bitstream.MAX_CONFIG)
            reader.spending.count_work(bitstream.work(data))
            header = _CONFIGURATIONS[box.type](data)
        elif box.type == b"esds":
            config = _decoder_config(body(reader, box, 4096))
            video.codec = codecs.object_type(config.object_type) or video.codec
            video.stated_bit_rate = config.average_bit_rate
        elif box.type == b"sinf":
            video.codec = codecs.mp4_video(_original_format(reader, box) or entry.type)
        elif box.type == b"pasp":
            data = body(reader, box, 8)
            video.sar = ratio(u32(data, 0), u32(data, 4))
        elif box.type == b"colr":
            _read_colour(body(reader, box, 11), video)
        elif box.type in (b"dvcC", b"dvvC", b"dvwC"):
            video.dolby_vision, video.dolby_vision_record = True, body(reader, box, 24)
        elif box.type == b"btrt":
            video.stated_bit_rate = u32(body(reader, box, 12), 8)
    if entry.type == b"dvh1" and header is None and not video.dolby_vision:
        # The code is also that of DVCPRO HD in QuickTime.
        video.codec = "dvvideo"
    return header


_CONFIGURATIONS = {
    b"avcC": bitstream.avc_configuration,
    b"hvcC": bitstream.hevc_configuration,
    b"av1C": bitstream.av1_configuration,
    b"vpcC": bitstream.vp_configuration,
}


def _read_colour(data: bytes, video: Video) -> None:
    """Read `colr` of type nclx, or QuickTime's nclc, unless all three values are unspecified."""
    if data[:4] not in (b"nclx", b"nclc") or len(data) < 10:
        return
    values = u16(data, 4), u16(data, 6), u16(data, 8)
    if values != (_UNSPECIFIED, _UNSPECIFIED, _UNSPECIFIED):
        video.primaries, video.transfer, video.matrix = values


def _original_format(reader: Reader, sinf: Box) -> bytes | None:
    """Return the codec of a protected track, from `frma`."""
    for box in boxes(reader, sinf.body, sinf.end):
        if box.type == b"frma":
            return body(reader, box, 4)
    return None


def read_audio(reader: Reader, entry: Box, stsd_version: int, audio: Audio) -> None:
    head = reader.read(entry.body, min(64, entry.end - entry.body))
    # Versions 1 and 2 are QuickTime's. In an stsd of version 1 they have another meaning (14496-12, 12.2.3).
    version = u16(head, 8) if stsd_version == 0 else 0
    audio.codec, audio.channels = codecs.mp4_audio(entry.type), u16(head, 16)
    audio.sample_rate = u32(head, 24) >> 16
    if entry.type == b"mlpa":
        # TrueHD has the rate as a whole number (Dolby, "MLP (Dolby TrueHD) bitstreams within the ISO base media file
        # format", 2.2).
        audio.sample_rate = u32(head, 24)
    bits = u16(head, 18)
    children = entry.body + 28
    if version == 1:
        children += 16
    elif version == 2 and len(head) == 64:
        children += 36
        rate = struct.unpack(">d", head[32:40])[0]
        audio.sample_rate = int(rate) if 0 < rate < 1e9 else None
        audio.channels, bits = u32(head, 40), u32(head, 48)
    if entry.type == b"lpcm" and version == 2:
        flags = u32(head, 52)
        audio.codec = codecs.pcm(
            bits, big_endian=flags & 2 != 0, floating=flags & 1 != 0, signed=flags & 4 != 0 or bits > 8
        )
    elif entry.type in (b"twos", b"sowt") and bits == 8:
        audio.codec = "pcm_s8"
    elif entry.type in (b"raw ", b"NONE", b"lpcm") and bits == 16:
        audio.codec = "pcm_s16be"
    _read_audio_boxes(reader, children, entry.end, audio)


def _read_audio_boxes(reader: Reader, start: int, end: int, audio: Audio) -> None:
    for box in boxes(reader, start, end):
        if box.type == b"wave":
            # QuickTime wraps the same boxes. Only one level is read.
            for inner in boxes(reader, box.body, box.end):
                _read_audio_box(reader, inner, audio)
        else:
            _read_audio_box(reader, box, audio)


def _read_audio_box(reader: Reader, box: Box, audio: Audio) -> None:
    if box.type == b"esds":
        config = _decoder_config(body(reader, box, 4096))
        named = codecs.object_type(config.object_type)
        audio.codec = named or audio.codec
        audio.stated_bit_rate = config.average_bit_rate
        if named == "aac":
            _read_audio_specific_config(config.specific, audio)
    elif box.type == b"sinf":
        original = _original_format(reader, box)
        if original is not None:
            audio.codec = codecs.mp4_audio(original)
    elif box.type == b"wfex":
        # WAVEFORMATEX in the `wma ` entries of Smooth Streaming
        audio.codec = read_wave_format(body(reader, box, 64)).codec or audio.codec
    elif box.type == b"dOps":
        data = body(reader, box, 11)
        audio.channels = data[1] if len(data) > 1 else audio.channels
        audio.sample_rate = 48000  # Opus always decodes at 48 kHz (RFC 7845)
    elif box.type == b"dac3":
        data = body(reader, box, 3)
        bits = int.from_bytes(data, "big")
        if len(data) == 3:
            _read_ac3(bits >> 22, (bits >> 11) & 7, (bits >> 10) & 1, audio)
    elif box.type == b"dec3":
        data = body(reader, box, 5)
        bits = int.from_bytes(data, "big")
        if len(data) == 5:
            _read_ac3((bits >> 22) & 3, (bits >> 9) & 7, (bits >> 8) & 1, audio)
    elif box.type == b"btrt":
        audio.stated_bit_rate = u32(body(reader, box, 12), 8)
    elif box.type == b"enda":
        # QuickTime's PCM is big-endian by default.
        if audio.codec is not None and audio.codec.startswith("pcm_") and u16(body(reader, box, 2), 0) == 1:
            audio.codec = audio.codec.replace("be", "le")
    elif box.type == b"srat":
        audio.sample_rate = u32(body(reader, box, 8), 4)
    elif box.type == b"pcmC":
        # Bit 0 of format_flags is little-endian, and the sample size follows (ISO/IEC 23003-5).
        data = body(reader, box, 6)
        if len(data) == 6:
            audio.codec = codecs.pcm(data[5], big_endian=data[4] & 1 == 0, floating=audio.codec == "fpcm")


def _read_ac3(sampling: int, mode: int, low_frequency: int, audio: Audio) -> None:
    """Apply fscod, acmod and lfeon (ETSI TS 102 366, F.4 and F.6)."""
    audio.channels = (2, 1, 2, 3, 3, 4, 4, 5)[mode] + low_frequency
    if sampling < 3:
        audio.sample_rate = (48000, 44100, 32000)[sampling]


class _DecoderConfig(NamedTuple):
    object_type: int = 0
    average_bit_rate: int = 0
    specific: bytes = b""


def _decoder_config(esds: bytes) -> _DecoderConfig:
    """Return the DecoderConfigDescriptor and its DecoderSpecificInfo (ISO/IEC 14496-1, 7.2.6)."""
    offset = 4
    if esds[offset : offset + 1] == b"\x03":
        offset = _descriptor(esds, offset)[0]
        flags = int.from_bytes(esds[offset + 2 : offset + 3], "big")
        offset += 3 + (2 if flags & 0x80 else 0) + (2 if flags & 0x20 else 0)
        if flags & 0x40:
            offset += 1 + int.from_bytes(esds[offset : offset + 1], "big")
    if esds[offset : offset + 1] != b"\x04":
        return _DecoderConfig()
    offset = _descriptor(esds, offset)[0]
    kind, bit_rate = int.from_bytes(esds[offset : offset + 1], "big"), u32(esds, offset + 9)
    offset += 13
    if esds[offset : offset + 1] != b"\x05":
        return _DecoderConfig(kind, bit_rate)
    start, length = _descriptor(esds, offset)
    return _DecoderConfig(kind, bit_rate, esds[start : start + length])


def _descriptor(data: bytes, offset: int) -> tuple[int, int]:
    """Return the offset and length of a descriptor's content. The length has at most four bytes of seven bits."""
    length = 0
    offset += 1
    for _ in range(4):
        if offset >= len(data):
            break
        byte = data[offset]
        offset += 1
        length = length << 7 | byte & 0x7F
        if not byte & 0x80:
            break
    return offset, length


def _read_audio_specific_config(data: bytes, audio: Audio) -> None:
    """Read rate and channels of an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1). Explicit SBR doubles the rate."""
    bits = _Config(data)
    kind = bits.object_type()
    rate = bits.rate()
    channels = bits.take(4)
    if kind in (5, 29):
        rate = bits.rate()
    if bits.short:
        return
    if rate:
        audio.sample_rate = rate
    if 0 < channels < len(_AAC_CHANNELS):
        audio.channels = 2 if kind == 29 else _AAC_CHANNELS[channels]


class _Config:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data[:16], "big")
        self._left = len(data[:16]) * 8

    @property
    def short(self) -> bool:
        return self._left < 0

    def take(self, count: int) -> int:
        self._left -= count
        return 0 if self._left < 0 else (self._value >> self._left) & ((1 << count) - 1)

    def object_type(self) -> int:
        kind = self.take(5)
        return 32 + self.take(6) if kind == 31 else kind

    def rate(self) -> int:
        index = self.take(4)
        if index == 15:
            return self.take(24)
        return _SAMPLING_RATES[index] if index < len(_SAMPLING_RATES) else 0
