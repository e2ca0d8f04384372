"""Reads `stsd`: codec, size, colour and sound format of a track (ISO/IEC 14496-12, 8.5.2, and QuickTime's)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from mediaprobe import bitstream, codecs
from mediaprobe.boxes import Box, body, boxes, u16, u32
from mediaprobe.findings import Picture, Sound, ratio
from mediaprobe.reader import Reader

# Sample entry header (8) and VisualSampleEntry (70), then the child boxes.
_VISUAL_CHILDREN = 78
_UNSPECIFIED = 2
_SAMPLING_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_AAC_CHANNELS = (None, 1, 2, 3, 4, 5, 6, 8)


def first_entry(reader: Reader, stsd: Box) -> Box | None:
    """The first sample entry; files with several switch between settings of one codec."""
    for entry in boxes(reader, stsd.body + 8, stsd.end):
        return entry
    return None


def read_picture(reader: Reader, entry: Box) -> tuple[Picture, bitstream.SequenceHeader | None]:
    """What the container says, and what the bitstream says, which ranks after `tkhd`."""
    head = reader.read(entry.body, min(_VISUAL_CHILDREN, entry.end - entry.body))
    picture = Picture(codec=codecs.mp4_video(entry.type), width=u16(head, 24), height=u16(head, 26))
    header: bitstream.SequenceHeader | None = None
    for box in boxes(reader, entry.body + _VISUAL_CHILDREN, entry.end):
        if box.type in _CONFIGURATIONS:
            header = _CONFIGURATIONS[box.type](body(reader, box, bitstream.MAX_CONFIG)) or header
        elif box.type == b"esds":
            config = _decoder_config(body(reader, box, 4096))
            picture.codec = codecs.object_type(config.object_type) or picture.codec
            picture.stated_bit_rate = config.average_bit_rate
        elif box.type == b"sinf":
            picture.codec = codecs.mp4_video(_original_format(reader, box) or entry.type)
        elif box.type == b"pasp":
            data = body(reader, box, 8)
            picture.sar = ratio(u32(data, 0), u32(data, 4))
        elif box.type == b"colr":
            _read_colour(body(reader, box, 11), picture)
        elif box.type in (b"dvcC", b"dvvC", b"dvwC"):
            picture.dolby_vision = True
        elif box.type == b"btrt":
            picture.stated_bit_rate = u32(body(reader, box, 12), 8)
    return picture, header


_CONFIGURATIONS = {
    b"avcC": bitstream.avc_configuration,
    b"hvcC": bitstream.hevc_configuration,
    b"av1C": bitstream.av1_configuration,
    b"vpcC": bitstream.vp_configuration,
}


def _read_colour(data: bytes, picture: Picture) -> None:
    """`colr` of type nclx, or QuickTime's nclc; all three unspecified says nothing."""
    if data[:4] not in (b"nclx", b"nclc") or len(data) < 10:
        return
    values = u16(data, 4), u16(data, 6), u16(data, 8)
    if values != (_UNSPECIFIED, _UNSPECIFIED, _UNSPECIFIED):
        picture.primaries, picture.transfer, picture.matrix = values


def _original_format(reader: Reader, sinf: Box) -> bytes | None:
    """`frma` names the codec of a protected track."""
    for box in boxes(reader, sinf.body, sinf.end):
        if box.type == b"frma":
            return body(reader, box, 4)
    return None


def read_sound(reader: Reader, entry: Box, stsd_version: int) -> Sound:
    head = reader.read(entry.body, min(64, entry.end - entry.body))
    # Versions 1 and 2 are QuickTime's; in an stsd of version 1 they mean something else (14496-12, 12.2.3).
    version = u16(head, 8) if stsd_version == 0 else 0
    sound = Sound(codecs.mp4_sound(entry.type), u16(head, 16), u32(head, 24) >> 16)
    bits = u16(head, 18)
    children = entry.body + 28
    if version == 1:
        children += 16
    elif version == 2 and len(head) == 64:
        children += 36
        rate = struct.unpack(">d", head[32:40])[0]
        sound.sample_rate = int(rate) if 0 < rate < 1e9 else None
        sound.channels, bits = u32(head, 40), u32(head, 48)
    if entry.type == b"lpcm" and version == 2:
        flags = u32(head, 52)
        sound.codec = codecs.pcm(
            bits, big_endian=flags & 2 != 0, floating=flags & 1 != 0, signed=flags & 4 != 0 or bits > 8
        )
    elif entry.type in (b"twos", b"sowt") and bits == 8:
        sound.codec = "pcm_s8"
    elif entry.type == b"raw " and bits == 16:
        sound.codec = "pcm_s16be"
    _read_sound_boxes(reader, children, entry.end, sound)
    return sound


def _read_sound_boxes(reader: Reader, start: int, end: int, sound: Sound) -> None:
    for box in boxes(reader, start, end):
        if box.type == b"wave":
            # QuickTime wraps the same boxes once more; only one level of it is looked into.
            for inner in boxes(reader, box.body, box.end):
                _read_sound_box(reader, inner, sound)
        else:
            _read_sound_box(reader, box, sound)


def _read_sound_box(reader: Reader, box: Box, sound: Sound) -> None:
    if box.type == b"esds":
        config = _decoder_config(body(reader, box, 4096))
        named = codecs.object_type(config.object_type)
        sound.codec = named or sound.codec
        sound.stated_bit_rate = config.average_bit_rate
        if named == "aac":
            _read_audio_specific_config(config.specific, sound)
    elif box.type == b"sinf":
        original = _original_format(reader, box)
        if original is not None:
            sound.codec = codecs.mp4_sound(original)
    elif box.type == b"dOps":
        data = body(reader, box, 11)
        sound.channels = data[1] if len(data) > 1 else sound.channels
        sound.sample_rate = 48000  # RFC 7845: Opus always decodes at 48 kHz
    elif box.type == b"dac3":
        data = body(reader, box, 3)
        bits = int.from_bytes(data, "big")
        if len(data) == 3:
            _read_ac3(bits >> 22, (bits >> 11) & 7, (bits >> 10) & 1, sound)
    elif box.type == b"dec3":
        data = body(reader, box, 5)
        bits = int.from_bytes(data, "big")
        if len(data) == 5:
            _read_ac3((bits >> 22) & 3, (bits >> 9) & 7, (bits >> 8) & 1, sound)
    elif box.type == b"btrt":
        sound.stated_bit_rate = u32(body(reader, box, 12), 8)
    elif box.type == b"enda":
        # QuickTime's PCM is big-endian unless this says otherwise.
        if sound.codec is not None and sound.codec.startswith("pcm_") and u16(body(reader, box, 2), 0) == 1:
            sound.codec = sound.codec.replace("be", "le")
    elif box.type == b"srat":
        sound.sample_rate = u32(body(reader, box, 8), 4)
    elif box.type == b"pcmC":
        # ISO/IEC 23003-5: format_flags bit 0 is little-endian; the size follows.
        data = body(reader, box, 6)
        if len(data) == 6:
            sound.codec = codecs.pcm(data[5], big_endian=data[4] & 1 == 0, floating=sound.codec == "fpcm")


def _read_ac3(sampling: int, mode: int, low_frequency: int, sound: Sound) -> None:
    """ETSI TS 102 366, F.4 and F.6: fscod, acmod and lfeon."""
    sound.channels = (2, 1, 2, 3, 3, 4, 4, 5)[mode] + low_frequency
    if sampling < 3:
        sound.sample_rate = (48000, 44100, 32000)[sampling]


class _DecoderConfig(NamedTuple):
    object_type: int = 0
    average_bit_rate: int = 0
    specific: bytes = b""


def _decoder_config(esds: bytes) -> _DecoderConfig:
    """DecoderConfigDescriptor and its DecoderSpecificInfo (ISO/IEC 14496-1, 7.2.6), without building the tree."""
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
    """Where a descriptor's content begins, and its length: seven bits a byte, at most four bytes."""
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


def _read_audio_specific_config(data: bytes, sound: Sound) -> None:
    """AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1): rate and channels; explicit SBR doubles the rate."""
    bits = _Config(data)
    kind = bits.object_type()
    rate = bits.rate()
    channels = bits.take(4)
    if kind in (5, 29):
        rate = bits.rate()
    if bits.short:
        return
    if rate:
        sound.sample_rate = rate
    if 0 < channels < len(_AAC_CHANNELS):
        sound.channels = 2 if kind == 29 else _AAC_CHANNELS[channels]


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
