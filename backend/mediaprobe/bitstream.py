"""Reads frame size, pixel aspect ratio and colour from codec configurations (avcC, hvcC, av1C and vpcC).

Parsing ends with the VUI. An invalid configuration gives None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from mediaprobe.findings import Video, ratio

# More than any sequence header needs. The rest is ignored.
MAX_CONFIG = 64 * 1024
_MAX_SPS = 4096

# aspect_ratio_idc 1 to 16 (H.264 Table E-1, H.265 Table E.1).
_SAR_TABLE = (
    (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11),
    (80, 33), (18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
)  # fmt: skip
_EXTENDED_SAR = 255
_UNSPECIFIED = 2

# The profiles whose SPS has chroma_format_idc (H.264 7.3.2.1.1).
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


@dataclass(slots=True)
class SequenceHeader:
    width: int = 0
    height: int = 0
    sar: Fraction | None = None
    primaries: int | None = None
    transfer: int | None = None
    matrix: int | None = None


ConfigurationReader = Callable[[bytes], SequenceHeader | None]


def work(configuration: bytes) -> int:
    """Return the units of work that reading this configuration may take."""
    return min(len(configuration), _MAX_SPS)


def apply(header: SequenceHeader | None, video: Video) -> None:
    """Take the coded size from the bitstream, and aspect ratio and colour if the container has none."""
    if header is None:
        return
    if header.width > 0 and header.height > 0:
        video.width, video.height = header.width, header.height
    if video.sar is None:
        video.sar = header.sar
    if {video.primaries, video.transfer, video.matrix} <= {None, _UNSPECIFIED}:
        video.primaries, video.transfer, video.matrix = (
            header.primaries,
            header.transfer,
            header.matrix,
        )


def avc_configuration(data: bytes) -> SequenceHeader | None:
    """Read the first SPS of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3)."""
    if len(data) < 8 or data[0] != 1 or data[5] & 0x1F == 0:
        return None
    length = int.from_bytes(data[6:8], "big")
    return h264_sps(data[8 : 8 + length])


def hevc_configuration(data: bytes) -> SequenceHeader | None:
    """Read the first SPS of an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3)."""
    if len(data) < 23:
        return None
    offset = 23
    for _ in range(data[22]):
        if offset + 3 > len(data):
            return None
        nal_type, count = data[offset] & 0x3F, int.from_bytes(data[offset + 1 : offset + 3], "big")
        offset += 3
        for _ in range(count):
            if offset + 2 > len(data):
                return None
            length = int.from_bytes(data[offset : offset + 2], "big")
            if nal_type == 33:
                return hevc_sps(data[offset + 2 : offset + 2 + length])
            offset += 2 + length
    return None


def av1_configuration(data: bytes) -> SequenceHeader | None:
    """Read the sequence header OBU of an AV1CodecConfigurationRecord (AV1 in ISOBMFF, 2.3)."""
    if len(data) < 6 or data[0] != 0x81:
        return None
    header = data[4]
    if (header >> 3) & 0xF != 1:
        return None
    offset = 6 if header & 4 else 5
    if header & 2:
        while offset < len(data) and data[offset] & 0x80:
            offset += 1
        offset += 1
    return _guarded(_av1_sequence, data[offset : offset + _MAX_SPS])


def vp_configuration(data: bytes) -> SequenceHeader | None:
    """Read the colour of a VPCodecConfigurationBox (VP Codec ISO Media File Format Binding, 2.2)."""
    if len(data) < 10 or data[0] != 1:
        return None
    return SequenceHeader(primaries=data[7], transfer=data[8], matrix=data[9])


def h264_sps(nal: bytes) -> SequenceHeader | None:
    return _guarded(_h264_sps, _unescape(nal[1 : _MAX_SPS + 1]))


def hevc_sps(nal: bytes) -> SequenceHeader | None:
    return _guarded(_hevc_sps, _unescape(nal[2 : _MAX_SPS + 2]))


class _Exhausted(Exception):
    """The bits ended, or a number is longer than allowed."""


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def u(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise _Exhausted
        return (self._value >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        return self.u(1) == 1

    def ue(self) -> int:
        """Read an unsigned Exp-Golomb code (H.264 9.1)."""
        ahead = min(self._left, 33)
        zeros = ahead - ((self._value >> (self._left - ahead)) & ((1 << ahead) - 1)).bit_length()
        if zeros == ahead:
            raise _Exhausted
        # The code is `zeros` zero bits, a one, and as many bits as there were zeros.
        return self.u(2 * zeros + 1) - 1

    def se(self) -> int:
        value = self.ue()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def _guarded(parse: Callable[[_Bits, SequenceHeader], None], data: bytes) -> SequenceHeader | None:
    """Return what was read before the bits ended, if it includes a size."""
    header = SequenceHeader()
    try:
        parse(_Bits(data), header)
    except _Exhausted:
        pass
    return header if header.width > 0 and header.height > 0 else None


def _unescape(nal: bytes) -> bytes:
    """Replace 00 00 03 by 00 00, which removes emulation prevention bytes (H.264 7.4.1)."""
    return nal.replace(b"\x00\x00\x03", b"\x00\x00")


def _h264_sps(bits: _Bits, header: SequenceHeader) -> None:
    profile = bits.u(8)
    bits.u(16)
    bits.ue()
    chroma = 1
    separate_planes = False
    if profile in _HIGH_PROFILES:
        chroma = bits.ue()
        separate_planes = chroma == 3 and bits.flag()
        bits.ue()
        bits.ue()
        bits.flag()
        if bits.flag():
            for index in range(8 if chroma != 3 else 12):
                if bits.flag():
                    _h264_scaling_list(bits, 16 if index < 6 else 64)
    bits.ue()
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.flag()
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()
    bits.ue()
    bits.flag()
    width = (bits.ue() + 1) * 16
    map_units = bits.ue() + 1
    frames_only = bits.flag()
    height = map_units * 16 * (1 if frames_only else 2)
    if not frames_only:
        bits.flag()
    bits.flag()
    if bits.flag():
        # Crop units (H.264 Table 6-1 and equations 7-19 to 7-22).
        unit_x = 2 if chroma in (1, 2) and not separate_planes else 1
        unit_y = (2 if chroma == 1 and not separate_planes else 1) * (1 if frames_only else 2)
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    header.width, header.height = width, height
    if bits.flag():
        _vui(bits, header)


def _h264_scaling_list(bits: _Bits, size: int) -> None:
    last, following = 8, 8
    for _ in range(size):
        if following != 0:
            following = (last + bits.se()) % 256
        last = following or last


def _vui(bits: _Bits, header: SequenceHeader) -> None:
    """Read aspect ratio, overscan and video signal type, which H.264 E.1.1 and H.265 E.2.1 share."""
    if bits.flag():
        idc = bits.u(8)
        if idc == _EXTENDED_SAR:
            header.sar = ratio(bits.u(16), bits.u(16))
        elif 1 <= idc <= len(_SAR_TABLE):
            header.sar = Fraction(*_SAR_TABLE[idc - 1])
    if bits.flag():
        bits.flag()
    if bits.flag():
        bits.u(4)
        if bits.flag():
            header.primaries, header.transfer, header.matrix = bits.u(8), bits.u(8), bits.u(8)


def _hevc_sps(bits: _Bits, header: SequenceHeader) -> None:
    """Read everything up to the VUI, because no field before it has a length (H.265 7.3.2.2.1)."""
    bits.u(4)
    sub_layers = bits.u(3)
    bits.flag()
    _hevc_profile_tier_level(bits, sub_layers)
    bits.ue()
    chroma = bits.ue()
    if chroma == 3:
        bits.flag()
    width, height = bits.ue(), bits.ue()
    if bits.flag():
        unit_x, unit_y = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1)
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    header.width, header.height = width, height
    bits.ue()
    bits.ue()
    poc_bits = bits.ue() + 4
    for _ in range(sub_layers + 1 if bits.flag() else 1):
        bits.ue()
        bits.ue()
        bits.ue()
    for _ in range(6):
        bits.ue()
    if bits.flag() and bits.flag():
        _hevc_scaling_lists(bits)
    bits.u(2)
    if bits.flag():
        bits.u(8)
        bits.ue()
        bits.ue()
        bits.flag()
    _hevc_reference_sets(bits)
    if bits.flag():
        for _ in range(min(bits.ue(), 32)):
            bits.u(min(poc_bits, 16))
            bits.flag()
    bits.u(2)
    if bits.flag():
        _vui(bits, header)


def _hevc_profile_tier_level(bits: _Bits, sub_layers: int) -> None:
    bits.u(96)
    present = [(bits.flag(), bits.flag()) for _ in range(sub_layers)]
    if sub_layers:
        bits.u(2 * (8 - sub_layers))
    for profile, level in present:
        bits.u((88 if profile else 0) + (8 if level else 0))


def _hevc_scaling_lists(bits: _Bits) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not bits.flag():
                bits.ue()
                continue
            if size > 1:
                bits.se()
            for _ in range(min(64, 1 << (4 + (size << 1)))):
                bits.se()


def _hevc_reference_sets(bits: _Bits) -> None:
    """Skip st_ref_pic_set (H.265 7.3.7). A set may be predicted from the previous one and then has its size."""
    videos = 0
    for index in range(min(bits.ue(), 64)):
        if index and bits.flag():
            bits.flag()
            bits.ue()
            kept = 0
            for _ in range(videos + 1):
                used = bits.flag()
                if used or bits.flag():
                    kept += 1
            videos = kept
            continue
        negative, positive = bits.ue(), bits.ue()
        videos = negative + positive
        if videos > 32:
            raise _Exhausted
        for _ in range(videos):
            bits.ue()
            bits.flag()


def _av1_sequence(bits: _Bits, header: SequenceHeader) -> None:
    """Read sequence_header_obu (AV1 5.5.1) up to color_config."""
    profile = bits.u(3)
    bits.flag()
    reduced = bits.flag()
    if reduced:
        bits.u(5)
    else:
        _av1_operating_points(bits)
    width_bits, height_bits = bits.u(4) + 1, bits.u(4) + 1
    header.width, header.height = bits.u(width_bits) + 1, bits.u(height_bits) + 1
    if not reduced and bits.flag():
        bits.u(7)
    bits.u(3)
    if not reduced:
        bits.u(4)
        order_hint = bits.flag()
        if order_hint:
            bits.u(2)
        screen_content = 2 if bits.flag() else bits.u(1)
        if screen_content > 0 and not bits.flag():
            bits.u(1)
        if order_hint:
            bits.u(3)
    bits.u(3)
    high_depth = bits.flag()
    if profile == 2 and high_depth:
        bits.flag()
    if profile != 1:
        bits.flag()
    if bits.flag():
        header.primaries, header.transfer, header.matrix = bits.u(8), bits.u(8), bits.u(8)


def _av1_operating_points(bits: _Bits) -> None:
    decoder_model = False
    delay_bits = 0
    if bits.flag():
        bits.u(64)
        if bits.flag():
            bits.ue()
        decoder_model = bits.flag()
        if decoder_model:
            delay_bits = bits.u(5) + 1
            bits.u(42)
    initial_delay = bits.flag()
    for _ in range(bits.u(5) + 1):
        bits.u(12)
        if bits.u(5) > 7:
            bits.flag()
        if decoder_model and bits.flag():
            bits.u(2 * delay_bits + 1)
        if initial_delay and bits.flag():
            bits.u(4)
