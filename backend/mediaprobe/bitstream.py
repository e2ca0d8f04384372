"""Reads frame size, pixel aspect ratio and colour from codec configurations (avcC, hvcC, av1C, vpcC and Annex B).

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
_MACROBLOCK = 16
_PADDING_SHARE = 32
_PQ, _HLG, _BT709 = 16, 18, 1
# dv_bl_signal_compatibility_id, which is 0 if only a Dolby Vision decoder can show the base layer.
_BASE_LAYER_TRANSFERS = {1: _PQ, 2: _BT709, 4: _HLG, 6: _PQ}
_IPT_PQ, _OWN_BASE_LAYER = 5, frozenset({5, 10, 20})
# NAL unit types of an SPS (H.264 Table 7-1, H.265 Table 7-1).
_H264_SPS, _HEVC_SPS = 7, 33
# obu_type of a sequence header (AV1 6.2.2).
_AV1_SEQUENCE = 1

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
    # Whether the size is exact, so that a container's smaller size does not mean padding
    exact: bool = False
    # Whether pictures may be coded as fields
    fields: bool = False


ConfigurationReader = Callable[[bytes], SequenceHeader | None]


def work(configuration: bytes) -> int:
    """Return the units of work that reading this configuration may take."""
    return min(len(configuration), _MAX_SPS)


def apply(header: SequenceHeader | None, video: Video) -> None:
    """Take the coded size from the bitstream, and aspect ratio and colour if the container has none.

    Some cameras leave the padding to whole macroblocks in the bitstream, and only the container has the picture's size.
    """
    if header is None:
        return
    if header.width > 0 and header.height > 0:
        coded, stated = (header.width, header.height), (video.width, video.height)
        video.width, video.height = stated if not header.exact and _has_padding(coded, stated) else coded
    if video.sar is None:
        video.sar = header.sar
    if {video.primaries, video.transfer, video.matrix} <= {None, _UNSPECIFIED}:
        video.primaries, video.transfer, video.matrix = (
            header.primaries,
            header.transfer,
            header.matrix,
        )


def remove_padding(video: Video, shown: tuple[int, int]) -> None:
    """Take the size in which the container shows the video, if only padding to whole macroblocks makes it higher.

    A difference above 1 in 32 is a pixel aspect ratio, and so is one of the width alone.
    """
    coded = video.width, video.height
    if (
        _has_padding(coded, shown)
        and video.height % _MACROBLOCK == 0
        and 0 < (video.height - shown[1]) * _PADDING_SHARE <= video.height
    ):
        video.width, video.height = shown


def _has_padding(coded: tuple[int, int], picture: tuple[int, int]) -> bool:
    """Return whether the picture is smaller and has the same number of macroblocks in both directions."""
    return coded != picture and all(
        0 < less <= side and -(-less // _MACROBLOCK) == -(-side // _MACROBLOCK)
        for side, less in zip(coded, picture, strict=True)
    )


def pixel_aspect(shown: tuple[int, int], *sizes: tuple[int, int]) -> Fraction | None:
    """Return the pixel aspect ratio of a video that is shown in this size.

    `sizes` are those of the picture that the writer may have meant. A writer keeps the width or the height.
    """
    across, down = shown
    if any(
        across == width and down in (height, -(-height // _MACROBLOCK) * _MACROBLOCK)
        for width, height in sizes
    ):
        # Some writers state the height with the padding.
        return Fraction(1)
    width, height = next(
        (
            size
            for size in sizes
            if across * size[1] == down * size[0] or across == size[0] or down == size[1]
        ),
        sizes[0],
    )
    return ratio(across * height, down * width)


def complete_dolby_vision(video: Video) -> None:
    """Take the transfer from the Dolby Vision record if it is unspecified (Dolby Vision in ISOBMFF, 3.1).

    Profile 5 is always PQ, because its base layer has no other meaning. Profiles 10 and 20 without a compatible base
    layer have the same signal.
    """
    record = video.dolby_vision_record
    if len(record) < 5:
        return
    profile, compatibility = record[2] >> 1, record[4] >> 4
    transfer = _BASE_LAYER_TRANSFERS.get(compatibility)
    if profile in _OWN_BASE_LAYER and compatibility == 0:
        transfer = _PQ
    if transfer is not None and (profile == _IPT_PQ or video.transfer in (None, 0, _UNSPECIFIED)):
        video.transfer = transfer


def configuration(codec: str | None, data: bytes) -> SequenceHeader | None:
    """Read the configuration of H.264, HEVC or AV1 that a container stores without naming its form."""
    units = data.startswith((b"\0\0\1", b"\0\0\0\1"))
    if codec == "h264":
        return (
            _annex_b(data, h264_sps, lambda unit: unit & 0x1F == _H264_SPS)
            if units
            else avc_configuration(data)
        )
    if codec == "hevc":
        if units:
            return _annex_b(data, hevc_sps, lambda unit: unit >> 1 & 0x3F == _HEVC_SPS)
        return hevc_configuration(data)
    if codec == "av1":
        return av1_configuration(data) if data[:1] == b"\x81" else _av1_units(data)
    return None


def _annex_b(
    data: bytes, read: Callable[[bytes], SequenceHeader | None], is_sps: Callable[[int], bool]
) -> SequenceHeader | None:
    """Read the first SPS of a byte stream, whose NAL units follow 00 00 01 (H.264 and H.265 Annex B)."""
    start = data.find(b"\0\0\1")
    while start >= 0 and start + 3 < len(data):
        following = data.find(b"\0\0\1", start + 3)
        if is_sps(data[start + 3]):
            return read(data[start + 3 : following if following >= 0 else len(data)])
        start = following
    return None


def avc_configuration(data: bytes) -> SequenceHeader | None:
    """Read the first SPS of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3)."""
    if len(data) < 8 or data[0] != 1 or data[5] & 0x1F == 0:
        return None
    sps = data[8 : 8 + int.from_bytes(data[6:8], "big")]
    return h264_sps(sps) if sps and sps[0] & 0x1F == _H264_SPS else None


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
            if nal_type == _HEVC_SPS:
                return hevc_sps(data[offset + 2 : offset + 2 + length])
            offset += 2 + length
    return None


def av1_configuration(data: bytes) -> SequenceHeader | None:
    """Read the sequence header OBU of an AV1CodecConfigurationRecord (AV1 in ISOBMFF, 2.3)."""
    if len(data) < 6 or data[0] != 0x81:
        return None
    return _av1_units(data[4:])


def _av1_units(data: bytes) -> SequenceHeader | None:
    """Read the first OBU, which is the sequence header, after an empty temporal delimiter (AV1 5.3)."""
    if data[:2] == b"\x12\0":
        data = data[2:]
    if not data or (data[0] >> 3) & 0xF != _AV1_SEQUENCE:
        return None
    offset = 2 if data[0] & 4 else 1
    if data[0] & 2:
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
        # FFmpeg distrusts a crop of only the right and bottom edge, as it stands for padding.
        header.exact = left > 0 or top > 0
    header.width, header.height, header.fields = width, height, not frames_only
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
        header.exact = True
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
